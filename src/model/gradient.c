/* gradient.c - the training pass over one sequence; see gradient.h. */
#include "model/gradient.h"

#include "base/memory.h"
#include "numeric/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOSS_ROWS = 512 }; /* rows whose logits are held at once */

/* What of the model has no backward pass; NULL: all of it has. */
static const char *no_gradient(const struct config *c)
{
    const struct {
        bool there;
        const char *name;
    } strangers[] = {{config_has_polynorm(c), "PolyNorm"},
                     {c->qk_norm, "norms of queries and keys"},
                     {c->window > 0, "a sliding window"},
                     {c->family == &FAMILY_SMOLLM3, "layers that do not turn"}};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (strangers[i].there)
            return strangers[i].name;
    return NULL;
}

enum status gradient_init(struct gradient *g, const struct model *m, size_t capacity, bool recompute, int threads,
                          struct error *err)
{
    size_t L = m->config.n_layers, D = m->config.d_model, block = capacity < LOSS_ROWS ? capacity : LOSS_ROWS;
    const char *stranger = no_gradient(&m->config);
    if (stranger != NULL) {
        *g = (struct gradient){0};
        return error_set(err, ERR_INPUT, "%s: models with %s cannot be trained, expected another family",
                         m->folder ? m->folder : "model", stranger);
    }
    if (!weights_unpacked(&m->weights)) {
        *g = (struct gradient){0};
        return error_set(err, ERR_INPUT, "%s: its weights are mapped, expected them unpacked for training",
                         m->folder ? m->folder : "model");
    }
    *g = (struct gradient){.model = m, .capacity = capacity, .recompute = recompute};
    g->layers = calloc(L, sizeof *g->layers);
    g->kv = calloc(L, sizeof *g->kv);
    g->inputs = mem_array(recompute ? L : 0, capacity * D * sizeof(float));
    g->x = mem_array(capacity * D, sizeof(float));
    g->normed = mem_array(capacity * D, sizeof(float));
    g->dx = mem_array(capacity * D, sizeof(float));
    g->work = mem_array(cross_entropy_work(block, m->config.vocab_size), sizeof(float));
    g->nll = mem_array(capacity, sizeof(double));
    enum status status = OK;
    if (!g->layers || !g->kv || !g->inputs || !g->x || !g->normed || !g->dx || !g->work || !g->nll)
        status = error_set(err, ERR_SYSTEM, "training: out of memory for sequences of %zu tokens", capacity);
    if (status == OK)
        status = weights_init(&g->sum, &m->config, err);
    for (size_t l = 0; l < (recompute ? 1 : L) && status == OK; l++) {
        status = layer_buffers_init(&g->layers[l], m, capacity, true, err);
        if (status == OK)
            status = kv_store_init(&g->kv[l], &m->plan, capacity, 0, err);
    }
    if (status == OK)
        status = layer_context_init(&g->context, m, capacity, threads, err);
    if (status == OK)
        status = layer_gradients_init(&g->scratch, m, capacity, err);
    if (status != OK)
        gradient_free(g);
    return status;
}

void gradient_free(struct gradient *g)
{
    for (size_t l = 0; g->model != NULL && l < g->model->config.n_layers; l++) {
        if (g->layers != NULL)
            layer_buffers_free(&g->layers[l]);
        if (g->kv != NULL)
            kv_store_free(&g->kv[l]);
    }
    free(g->layers);
    free(g->kv);
    free(g->inputs);
    free(g->x);
    free(g->normed);
    free(g->dx);
    free(g->work);
    free(g->nll);
    weights_free(&g->sum);
    layer_context_free(&g->context);
    layer_gradients_free(&g->scratch);
    *g = (struct gradient){0};
}

double gradient_memory(const struct model *m, size_t capacity, bool recompute, int threads)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    size_t block = capacity < LOSS_ROWS ? capacity : LOSS_ROWS, at_once = recompute ? 1 : c->n_layers;
    double tiles = (double)((capacity + ATTENTION_TILE - 1) / ATTENTION_TILE * ATTENTION_TILE);
    double kv = tiles * (double)(p->n_k_heads * p->head_dim + p->n_v_heads * p->v_dim);
    double stream = (double)capacity * (double)c->d_model;
    double floats = (double)m->weights.n_params + 3 * stream + (double)cross_entropy_work(block, c->vocab_size) +
                    (recompute ? (double)c->n_layers * stream : 0) +
                    (double)at_once * ((double)layer_buffers_floats(m, capacity, true) + kv) +
                    (double)layer_scratch_floats(m, capacity, threads);
    return floats * sizeof(float) + (double)capacity * sizeof(double);
}

void gradient_clear(struct gradient *g)
{
    memset(g->sum.storage, 0, g->sum.n_storage * sizeof(float));
}

/* Loss of every row, and with a scale the gradient of the normed stream into g->dx. */
static double loss(struct gradient *g, const int32_t *targets, size_t rows, float scale)
{
    const struct model *m = g->model;
    size_t D = m->config.d_model;
    double total = 0;
    for (size_t i = 0; i < rows; i += LOSS_ROWS) {
        size_t n = rows - i < LOSS_ROWS ? rows - i : LOSS_ROWS;
        cross_entropy(g->nll + i, scale != 0 ? g->dx + i * D : NULL, g->sum.lm_head.f32, g->normed + i * D, &m->weights.lm_head,
                      targets + i, n, D, m->config.vocab_size, scale, g->work, m->compute, g->context.threads);
    }
    for (size_t i = 0; i < rows; i++)
        total += g->nll[i];
    return total;
}

/* Runs layer l on what lies in its buffers' x; returns what came out, which is the next one's x. */
static float *run_layer(struct gradient *g, size_t l)
{
    const struct config *c = &g->model->config;
    size_t at = g->recompute ? 0 : l, n = g->context.rows * c->d_model;
    struct layer_buffers *b = &g->layers[at];
    float *out = l + 1 == c->n_layers ? g->x : g->recompute ? b->x : g->layers[l + 1].x;
    if (g->recompute)
        memcpy(g->inputs + l * g->capacity * c->d_model, b->x, n * sizeof(float));
    layer_forward(out, b, &g->kv[at], l, &g->context);
    return out;
}

/* The backward pass of layer l; recomputing, after its forward pass, whose output goes to waste. */
static void back_through(struct gradient *g, size_t l)
{
    size_t at = g->recompute ? 0 : l, D = g->model->config.d_model;
    struct layer_buffers *b = &g->layers[at];
    if (g->recompute) {
        memcpy(b->x, g->inputs + l * g->capacity * D, g->context.rows * D * sizeof(float));
        layer_forward(g->normed, b, &g->kv[at], l, &g->context);
    }
    layer_backward(g->dx, &g->sum.layers[l], b, &g->kv[at], l, &g->scratch, &g->context);
}

double gradient_add(struct gradient *g, const int32_t *ids, size_t n, float scale)
{
    const struct model *m = g->model;
    size_t D = m->config.d_model, L = m->config.n_layers, rows = n - 1;
    layer_context_place(&g->context, 0, rows, rows);
    for (size_t i = 0; i < rows; i++)
        matrix_widen(g->layers[0].x + i * D, &m->weights.embedding, (size_t)ids[i] * D, D);
    for (size_t l = 0; l < L; l++)
        run_layer(g, l);
    rmsnorm_forward(g->normed, g->x, m->weights.final_norm, rows, D, m->config.norm_eps, 1, g->context.threads);
    double total = loss(g, ids + 1, rows, scale);
    if (scale == 0)
        return total;
    /* through the final norm, then the layers from the last to the first */
    float *dnormed = g->normed;
    memcpy(dnormed, g->dx, rows * D * sizeof(float));
    rmsnorm_backward(g->dx, g->sum.final_norm, dnormed, g->x, m->weights.final_norm, rows, D, m->config.norm_eps, 1, 0);
    for (size_t l = L; l > 0; l--)
        back_through(g, l - 1);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < D; j++)
            g->sum.embedding.f32[(size_t)ids[i] * D + j] += g->dx[i * D + j];
    return total;
}

void gradient_explain(struct gradient *g, char *text, size_t size)
{
    size_t L = g->model->config.n_layers, rows = g->context.rows, row;
    if (g->recompute)
        memcpy(g->layers[0].x, g->inputs, rows * g->model->config.d_model * sizeof(float));
    for (size_t l = 0; l < L; l++) {
        float *out = run_layer(g, l); /* again, for what the layers share */
        if ((row = layer_find_not_finite(out, &g->layers[g->recompute ? 0 : l], &g->context)) < rows) {
            snprintf(text, size, "layer %zu at position %zu", l, row);
            return;
        }
    }
    size_t at = 0;
    while (at < rows && isfinite(g->nll[at]))
        at++;
    if (at < rows)
        snprintf(text, size, "loss at position %zu", at);
    else
        snprintf(text, size, "gradient");
}

double gradient_norm(const struct gradient *g)
{
    double sum = 0;
    for (size_t i = 0; i < g->sum.n_storage; i++)
        sum += (double)g->sum.storage[i] * (double)g->sum.storage[i];
    return sqrt(sum);
}
