/* shard.c - see shard.h. */
#include "suite/shard.h"

#include <stdio.h>
#include <string.h>

enum status shard_parse(struct shard *s, const char *text, struct error *err)
{
    enum { MOST = 100000 };
    int end = -1;
    *s = (struct shard){1, 1};
    if (text == NULL)
        return OK;
    if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 16 ||
        sscanf(text, "%zu/%zu%n", &s->index, &s->of, &end) != 2 || text[end] != '\0' || s->index < 1 || s->index > s->of ||
        s->of > MOST)
        return error_set(err, ERR_USAGE, "--shard: '%.40s' is wrong, expected I/N, from 1/N to N/N with N up to %d", text, MOST);
    return OK;
}

cJSON *shard_ids(const struct plan *plan)
{
    cJSON *ids = cJSON_CreateArray();
    for (size_t i = 0; i < plan->n; i++) {
        struct text id = {0};
        item_id(&id, plan->dimensions, plan_item(plan, i));
        cJSON_AddItemToArray(ids, cJSON_CreateString(id.data));
        text_free(&id);
    }
    return ids;
}

void shard_keep(const struct shard *s, struct plan *plan)
{
    size_t n = 0;
    for (size_t i = s->index - 1; i < plan->n; i += s->of)
        memmove(plan->items + plan->item_size * n++, plan->items + plan->item_size * i, plan->item_size);
    plan->n = n;
}
