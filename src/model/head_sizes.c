/* head_sizes.c - how large the output of each head is; see differential.h. */
#include "base/memory.h"
#include "model/differential.h"
#include "model/layer.h"

#include <math.h>
#include <stdlib.h>

static void measure(float *sizes, const struct layer_buffers *b, const struct attention_plan *p, size_t rows)
{
    size_t width = attention_width(p);
    for (size_t h = 0; h < p->n_heads; h++) {
        double sum = 0;
        for (size_t t = 0; t < rows; t++) {
            const float *x = b->heads + (t * p->n_heads + h) * width;
            double square = 0;
            for (size_t i = 0; i < width; i++)
                square += (double)x[i] * (double)x[i];
            sum += sqrt(square / (double)width);
        }
        sizes[h] = (float)(sum / (double)rows);
    }
}

enum status head_sizes(float *sizes, const struct model *m, const int32_t *ids, size_t n, struct error *err)
{
    struct layer_buffers b = {0};
    struct layer_context c = {0};
    size_t D = m->config.d_model;
    enum status status = layer_buffers_init(&b, m, n, false, err);
    if (status == OK)
        status = layer_context_init(&c, m, n, 1, err);
    if (status == OK) {
        layer_context_place(&c, 0, n, n);
        for (size_t i = 0; i < n; i++)
            matrix_widen(b.x + i * D, &m->weights.embedding, (size_t)ids[i] * D, D);
    }
    for (size_t l = 0; l < m->config.n_layers && status == OK; l++) {
        struct kv_store kv = {0};
        status = kv_store_init(&kv, &m->plan, n, 0, err);
        if (status == OK) {
            layer_forward(b.x, &b, &kv, l, &c);
            measure(sizes + l * m->plan.n_heads, &b, &m->plan, n);
        }
        kv_store_free(&kv);
    }
    layer_context_free(&c);
    layer_buffers_free(&b);
    return status;
}
