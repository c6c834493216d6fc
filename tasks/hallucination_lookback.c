/* hallucination_lookback.c - see hallucination_lookback.h. */
#include "tasks/hallucination_lookback.h"

#include "base/memory.h"

#include <math.h>

bool lookback_init(struct lookback *l, size_t n_layers, size_t n_heads)
{
    *l = (struct lookback){.n_layers = n_layers, .n_heads = n_heads};
    l->ratio = mem_array(n_layers * n_heads, sizeof *l->ratio);
    return l->ratio != NULL;
}

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)layer;
    return position >= ((struct lookback *)context)->n_context;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct lookback *l = context;
    double on_context = 0, on_new = 0;
    for (size_t i = 0; i <= position; i++)
        *(i < l->n_context ? &on_context : &on_new) += fabs((double)row[i]);
    on_context /= (double)l->n_context;
    on_new /= (double)(position + 1 - l->n_context);
    l->ratio[layer * l->n_heads + head] += on_context + on_new > 0 ? on_context / (on_context + on_new) : 0;
    l->rows += layer == 0 && head == 0;
}

void lookback_add(cJSON *evidence, const struct lookback *l)
{
    double all = 0;
    if (l->rows == 0)
        return;
    cJSON *object = cJSON_AddObjectToObject(evidence, "lookback"), *layers = cJSON_CreateArray(), *heads = cJSON_CreateArray();
    for (size_t i = 0; i < l->n_layers; i++) {
        double mean = 0;
        cJSON *row = cJSON_CreateArray();
        for (size_t h = 0; h < l->n_heads; h++) {
            double ratio = l->ratio[i * l->n_heads + h] / (double)l->rows;
            cJSON_AddItemToArray(row, json_number(ratio));
            mean += ratio / (double)l->n_heads;
        }
        cJSON_AddItemToArray(heads, row);
        cJSON_AddItemToArray(layers, json_number(mean));
        all += mean / (double)l->n_layers;
    }
    json_add_number(object, "mean", all);
    cJSON_AddItemToObject(object, "layers", layers);
    cJSON_AddItemToObject(object, "heads", heads);
}

struct probe lookback_probe(struct lookback *l)
{
    return (struct probe){.context = l, .wants_row = wants_row, .on_row = on_row};
}
