/* sketch.c - see sketch.h. */
#include "report/sketch.h"

#include "base/memory.h"
#include "formats/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A bucket is the upper 15 bits under the sign: the exponent and 7 bits of the fraction. */
enum { DROPPED_BITS = 16 };

bool sketch_init(struct sketch *s, size_t keep)
{
    *s = (struct sketch){.keep = keep < SKETCH_TOP ? keep : SKETCH_TOP, .least = -1};
    s->count = mem_array(SKETCH_BUCKETS, sizeof *s->count);
    return s->count != NULL;
}

void sketch_free(struct sketch *s)
{
    free(s->count);
    *s = (struct sketch){0};
}

/* Larger first; equal values by place, so that which of them stays does not depend on the order in which they came. */
static int by_value(const struct extreme *a, const struct extreme *b)
{
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    if (a->layer != b->layer)
        return a->layer < b->layer ? -1 : 1;
    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static void add_top(struct sketch *s, struct extreme x)
{
    size_t at = s->n_top;
    while (at > 0 && by_value(&x, &s->top[at - 1]) < 0)
        at--;
    if (at >= s->keep)
        return;
    memmove(s->top + at + 1, s->top + at, (s->n_top - at) * sizeof *s->top);
    s->top[at] = x;
    s->n_top += s->n_top < s->keep;
    if (s->n_top == s->keep)
        s->least = s->top[s->keep - 1].value;
}

void sketch_add(struct sketch *s, const float *x, size_t n, uint32_t layer, uint32_t position, uint32_t index)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffffu;
        if (bits >= 0x7f800000u)
            continue;
        s->count[bits >> DROPPED_BITS]++;
        float value = fabsf(x[i]);
        if (value >= s->least)
            add_top(s, (struct extreme){value, layer, position, index + (uint32_t)i});
    }
}

cJSON *sketch_to_json(const struct sketch *s)
{
    cJSON *json = cJSON_CreateObject(), *counts = cJSON_AddArrayToObject(json, "counts");
    cJSON *top = cJSON_AddArrayToObject(json, "top");
    for (size_t i = 0; i < SKETCH_BUCKETS; i++)
        if (s->count[i] > 0) {
            cJSON_AddItemToArray(counts, cJSON_CreateNumber((double)i));
            cJSON_AddItemToArray(counts, cJSON_CreateNumber((double)s->count[i]));
        }
    for (size_t i = 0; i < s->n_top; i++) {
        const double fields[] = {(double)s->top[i].value, s->top[i].layer, s->top[i].position, s->top[i].index};
        for (size_t k = 0; k < 4; k++)
            cJSON_AddItemToArray(top, json_number(fields[k]));
    }
    return json;
}

bool sketch_add_json(struct sketch *s, const cJSON *json)
{
    const cJSON *counts = cJSON_GetObjectItemCaseSensitive(json, "counts");
    for (const cJSON *b = counts ? counts->child : NULL; b != NULL; b = b->next->next) {
        if (b->next == NULL || !(b->valuedouble >= 0 && b->valuedouble < SKETCH_BUCKETS) || !(b->next->valuedouble >= 0))
            return false;
        s->count[(size_t)b->valuedouble] += (uint64_t)b->next->valuedouble;
    }
    const cJSON *top = cJSON_GetObjectItemCaseSensitive(json, "top"), *x = top ? top->child : NULL;
    while (x != NULL) {
        double field[4];
        for (int k = 0; k < 4; k++, x = x ? x->next : NULL) {
            field[k] = cJSON_GetNumberValue(x);
            if (!(field[k] >= 0 && (k == 0 || field[k] <= UINT32_MAX)))
                return false;
        }
        add_top(s, (struct extreme){(float)field[0], (uint32_t)field[1], (uint32_t)field[2], (uint32_t)field[3]});
    }
    return true;
}

double sketch_middle(size_t bucket)
{
    uint32_t low = (uint32_t)bucket << DROPPED_BITS, high = low | 0xffffu;
    float a, b;
    memcpy(&a, &low, sizeof a);
    memcpy(&b, &high, sizeof b);
    return ((double)a + (double)b) / 2;
}
