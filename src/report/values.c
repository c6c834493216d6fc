/* values.c - see values.h. */
#include "report/values.h"

#include "base/memory.h"
#include "formats/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool values_match(const cJSON *item, const cJSON *where)
{
    const cJSON *its = cJSON_GetObjectItemCaseSensitive(item, "where"), *wanted;
    cJSON_ArrayForEach(wanted, where)
    {
        const cJSON *has = cJSON_GetObjectItemCaseSensitive(its, wanted->string);
        if (has != NULL && !cJSON_Compare(has, wanted, true))
            return false;
    }
    return true;
}

static bool same_id(const cJSON *a, const cJSON *b)
{
    return strcmp(json_text(a, "id"), json_text(b, "id")) == 0;
}

const cJSON *values_partner(const cJSON *items, const cJSON *item, const cJSON **next)
{
    const cJSON *found = *next != NULL && same_id(*next, item) ? *next : NULL, *other;
    if (found == NULL)
        cJSON_ArrayForEach(other, items)
        {
            if (same_id(other, item)) {
                found = other;
                break;
            }
        }
    *next = found ? found->next : NULL;
    return found;
}

static const cJSON *field_of(const cJSON *item, const char *model, const char *field)
{
    return json_path(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(item, "results"), model), field);
}

static bool push(struct values *v, double x, double y, bool pair)
{
    size_t capacity = v->capacity;
    if (!isfinite(x) || (pair && !isfinite(y)))
        return true;
    if (!mem_grow((void **)&v->x, &v->capacity, v->n + 1, sizeof *v->x) ||
        (pair && !mem_grow((void **)&v->y, &capacity, v->n + 1, sizeof *v->y)))
        return false;
    v->x[v->n] = x;
    if (pair)
        v->y[v->n] = y;
    v->n++;
    return true;
}

bool values_add(struct values *v, const cJSON *item, const char *model, const cJSON *other_item, const char *other_model,
                const char *field)
{
    const cJSON *a = field_of(item, model, field), *b = other_item ? field_of(other_item, other_model, field) : NULL;
    bool pair = other_item != NULL, ok = true;
    if (!cJSON_IsArray(a))
        return push(v, cJSON_GetNumberValue(a), cJSON_GetNumberValue(b), pair);
    if (pair && cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
        return true;
    b = pair ? b->child : NULL;
    for (a = a->child; a != NULL && ok; a = a->next, b = pair ? b->next : NULL)
        ok = push(v, cJSON_GetNumberValue(a), cJSON_GetNumberValue(b), pair);
    return ok;
}

void values_free(struct values *v)
{
    free(v->x);
    free(v->y);
    *v = (struct values){0};
}
