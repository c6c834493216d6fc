/* outliers_watch.c - see outliers_watch.h. */
#include "tasks/outliers_watch.h"

#include "numeric/attention.h"

#include <stdlib.h>

const char *const OUTLIER_ACTIVATIONS[2] = {"attention_logits", "hidden_states"};

bool outliers_watch_init(struct outliers_watch *w, size_t n_layers)
{
    *w = (struct outliers_watch){.sketches = calloc(2 * n_layers, sizeof *w->sketches), .n_layers = n_layers};
    bool good = w->sketches != NULL;
    for (size_t i = 0; i < 2 * n_layers && good; i++)
        good = sketch_init(&w->sketches[i], SKETCH_TOP);
    return good;
}

void outliers_watch_free(struct outliers_watch *w)
{
    for (size_t i = 0; w->sketches != NULL && i < 2 * w->n_layers; i++)
        sketch_free(&w->sketches[i]);
    free(w->sketches);
    *w = (struct outliers_watch){0};
}

static void on_logits(void *context, size_t layer, size_t head, size_t map, size_t position, size_t first_key, size_t rows,
                      const float *logits)
{
    struct outliers_watch *w = context;
    (void)head;
    (void)map;
    for (size_t i = 0; i < rows; i++)
        sketch_add(&w->sketches[layer], logits + i * ATTENTION_TILE, ATTENTION_TILE, (uint32_t)layer, (uint32_t)(position + i),
                   (uint32_t)first_key);
}

static void on_hidden(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width)
{
    struct outliers_watch *w = context;
    for (size_t i = 0; i < rows; i++)
        sketch_add(&w->sketches[w->n_layers + layer], hidden + i * width, width, (uint32_t)layer, (uint32_t)(start + i), 0);
}

struct probe outliers_watch_probe(struct outliers_watch *w)
{
    return (struct probe){.context = w, .on_logits = on_logits, .on_hidden = on_hidden};
}

void outliers_watch_add(cJSON *to, const struct outliers_watch *w)
{
    for (size_t a = 0; a < 2; a++) {
        cJSON *layers = cJSON_AddArrayToObject(to, OUTLIER_ACTIVATIONS[a]);
        for (size_t l = 0; l < w->n_layers; l++)
            cJSON_AddItemToArray(layers, sketch_to_json(&w->sketches[a * w->n_layers + l]));
    }
}
