/* layer.c - buffers and the forward pass of one layer; see layer.h. */
#include "model/layer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "numeric/extension.h"
#include "numeric/gemm.h"
#include "numeric/layers.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* A slice of a planned allocation: where its pointer goes and how many floats it has. */
struct slice {
    float **pointer;
    size_t floats;
};

/* Floats of all slices, each on a cache line. */
static size_t count(const struct slice *slices, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += (slices[i].floats + 15) / 16 * 16;
    return total;
}
#define COUNT(slices) count(slices, sizeof(slices) / sizeof *(slices))

/* One allocation for all slices. */
static float *carve(const struct slice *slices, size_t n)
{
    size_t total = count(slices, n);
    float *storage = mem_array(total, sizeof *storage), *at = storage;
    for (size_t i = 0; storage != NULL && i < n; i++) {
        *slices[i].pointer = slices[i].floats ? at : NULL;
        at += (slices[i].floats + 15) / 16 * 16;
    }
    return storage;
}
#define CARVE(slices) carve(slices, sizeof(slices) / sizeof *(slices))

static enum status carved(const float *storage, size_t rows, struct error *err)
{
    return storage != NULL ? OK : error_set(err, ERR_SYSTEM, "activations: out of memory for %zu tokens at once", rows);
}

/* Sets the pointers of a layer's buffers, or with `floats` says how much they take. */
static void buffers_lay(struct layer_buffers *b, size_t *floats, const struct model *m, size_t rows, bool training)
{
    const struct config *c = &m->config;
    const struct attention_plan *p = &m->plan;
    size_t D = c->d_model, F = c->d_ff, maps = p->n_heads * p->n_maps, out = p->n_heads * attention_width(p);
    const struct slice slices[] = {{&b->x, rows * D},
                                   {&b->normed, rows * D},
                                   {&b->q, rows * p->n_q_heads * p->head_dim},
                                   {&b->coef, p->n_maps > 1 ? rows * maps : 0},
                                   {&b->lam, c->lambda == LAMBDA_PROJECTION ? rows * p->n_heads : 0},
                                   {&b->heads, rows * out},
                                   {&b->heads_normed, c->head_norm || c->dex ? rows * out : 0},
                                   {&b->map_out, training ? rows * maps * attention_width(p) : 0},
                                   {&b->lse, training ? rows * maps : 0},
                                   {&b->mid, rows * D},
                                   {&b->mid_normed, rows * D},
                                   {&b->gate, rows * F},
                                   {&b->up, rows * F},
                                   {&b->act, rows * F}};
    if (floats != NULL) {
        *floats = COUNT(slices);
        return;
    }
    b->storage = CARVE(slices);
    if (!c->head_norm && !c->dex)
        b->heads_normed = b->heads;
}

enum status layer_buffers_init(struct layer_buffers *b, const struct model *m, size_t rows, bool training, struct error *err)
{
    *b = (struct layer_buffers){0};
    buffers_lay(b, NULL, m, rows, training);
    return carved(b->storage, rows, err);
}

size_t layer_buffers_floats(const struct model *m, size_t rows, bool training)
{
    struct layer_buffers b = {0};
    size_t floats = 0;
    buffers_lay(&b, &floats, m, rows, training);
    return floats;
}

void layer_buffers_free(struct layer_buffers *b)
{
    free(b->storage);
    *b = (struct layer_buffers){0};
}

enum status layer_context_init(struct layer_context *c, const struct model *m, size_t rows, int threads, struct error *err)
{
    const struct attention_plan *p = &m->plan;
    *c = (struct layer_context){.model = m, .threads = threads};
    const struct slice slices[] = {{&c->cosines, rows * p->head_dim / 2},
                                   {&c->sines, rows * p->head_dim / 2},
                                   {&c->k, rows * p->n_k_heads * p->head_dim},
                                   {&c->v, rows * p->n_v_heads * p->v_dim},
                                   {&c->scratch, (size_t)threads * attention_scratch(p)}};
    c->storage = CARVE(slices);
    return carved(c->storage, rows, err);
}

void layer_context_free(struct layer_context *c)
{
    free(c->storage);
    *c = (struct layer_context){0};
}

void layer_context_place(struct layer_context *c, size_t start, size_t rows, size_t length)
{
    c->start = start;
    c->rows = rows;
    const struct config *cfg = &c->model->config;
    rope_table(&cfg->rope, cfg->head_dim, c->cosines, c->sines, start, rows, length);
}

/* The coefficients (1, -lambda) of every head and token; lambda is the layer's, or the sigmoid of its projection. */
static void fill_coefficients(struct layer_buffers *b, size_t layer, const struct layer_context *c)
{
    const struct model *m = c->model;
    size_t n = c->rows * m->plan.n_heads;
    for (size_t i = 0; i < n; i++) {
        b->coef[2 * i] = 1.0f;
        b->coef[2 * i + 1] = b->lam ? -1.0f / (1.0f + expf(-b->lam[i])) : -m->lambda[layer];
    }
}

void layer_lap(struct layer_clock *clock, enum layer_part part)
{
    if (clock == NULL)
        return;
    double now = clock_seconds();
    clock->seconds[part] += now - clock->last;
    clock->last = now;
}

/* Rows of one sequence, or each as it is alone. */
static void linear(const struct layer_context *c, const struct linear *layers, size_t n_layers, const float *x, size_t in)
{
    (c->places ? linear_each : linear_forward)(layers, n_layers, x, c->rows, in, c->model->compute, c->threads);
}

/* Keys, values and attention of rows that are of different sequences. */
static void attend_apart(struct layer_buffers *b, size_t layer, struct layer_context *c)
{
    const struct attention_plan *p = &c->model->plan;
    size_t k = p->n_k_heads * p->head_dim, v = p->n_v_heads * p->v_dim, q = p->n_q_heads * p->head_dim;
    size_t maps = p->n_heads * p->n_maps, out = p->n_heads * attention_width(p);
#pragma omp parallel for num_threads(c->threads) schedule(dynamic) if (c->threads > 1 && c->rows > 1)
    for (size_t i = 0; i < c->rows; i++) {
        struct kv_store *kv = &c->places->kv[i][layer];
        float *scratch = c->scratch + (size_t)omp_get_thread_num() * attention_scratch(p);
        kv_store_append(kv, p, c->k + i * k, c->v + i * v, c->places->position[i], 1, 1);
        attention_forward(b->heads + i * out, NULL, NULL, p, kv, b->q + i * q, b->coef ? b->coef + i * maps : NULL,
                          c->places->position[i], 1, NULL, scratch, 1);
    }
}

static void attend(struct layer_buffers *b, struct kv_store *kv, size_t layer, struct layer_context *c)
{
    const struct attention_plan *p = &c->model->plan;
    if (c->places != NULL) {
        attend_apart(b, layer, c);
        return;
    }
    kv_store_append(kv, p, c->k, c->v, c->start, c->rows, c->threads);
    attention_forward(b->heads, b->map_out, b->lse, p, kv, b->q, b->coef, c->start, c->rows, c->observer, c->scratch, c->threads);
}

/* The attention half: b->mid = b->x + attention(norm(b->x)). */
static void attention_half(struct layer_buffers *b, struct kv_store *kv, size_t layer, struct layer_context *c)
{
    const struct model *m = c->model;
    const struct config *cfg = &m->config;
    const struct attention_plan *p = &m->plan;
    const struct layer_weights *w = &m->weights.layers[layer];
    size_t rows = c->rows, D = cfg->d_model, width = attention_width(p);

    rmsnorm_forward(b->normed, b->x, w->attention_norm, rows, D, cfg->norm_eps, 1, c->threads);
    layer_lap(c->clock, PART_NORMS);
    const struct linear inputs[] = {{b->q, &w->q, w->q_bias, p->n_q_heads * p->head_dim},
                                    {c->k, &w->k, w->k_bias, p->n_k_heads * p->head_dim},
                                    {c->v, &w->v, w->v_bias, p->n_v_heads * p->v_dim},
                                    {b->lam, &w->lambda_proj, NULL, p->n_heads}};
    linear(c, inputs, b->lam != NULL ? 4 : 3, b->normed, D);
    layer_lap(c->clock, PART_QKV);
    if (cfg->qk_norm) {
        rmsnorm_forward(b->q, b->q, w->q_norm, rows * p->n_q_heads, p->head_dim, cfg->norm_eps, 1, c->threads);
        rmsnorm_forward(c->k, c->k, w->k_norm, rows * p->n_k_heads, p->head_dim, cfg->norm_eps, 1, c->threads);
    }
    if (!config_marked(cfg->unturned, layer)) {
        rope_apply(b->q, c->cosines, c->sines, rows, p->n_q_heads, p->head_dim, cfg->rope.interleaved, 1, c->threads);
        rope_apply(c->k, c->cosines, c->sines, rows, p->n_k_heads, p->head_dim, cfg->rope.interleaved, 1, c->threads);
    }
    if (b->coef != NULL)
        fill_coefficients(b, layer, c);
    layer_lap(c->clock, PART_ROPE);
    attend(b, kv, layer, c);
    layer_lap(c->clock, PART_ATTENTION);
    if (cfg->head_norm)
        rmsnorm_forward(b->heads_normed, b->heads, w->head_norm, rows * p->n_heads, width, cfg->head_norm_eps,
                        (float)(1 - config_lambda_init(cfg, layer)), c->threads);
    if (cfg->dex)
        extension_forward(b->heads_normed, b->heads, &w->dex, w->dex_lambda, 1 - m->lambda_held, rows, p->n_heads, width,
                          c->threads);
    layer_lap(c->clock, PART_NORMS);
    linear(c, &(struct linear){b->mid, &w->o, w->o_bias, D}, 1, b->heads_normed, p->n_heads * width);
    add_rows(b->mid, b->mid, b->x, rows, D, c->threads);
    layer_lap(c->clock, PART_OUTPUT);
}

void layer_forward(float *out, struct layer_buffers *b, struct kv_store *kv, size_t layer, struct layer_context *c)
{
    const struct config *cfg = &c->model->config;
    const struct layer_weights *w = &c->model->weights.layers[layer];
    size_t rows = c->rows, D = cfg->d_model, F = cfg->d_ff;

    attention_half(b, kv, layer, c);
    rmsnorm_forward(b->mid_normed, b->mid, w->mlp_norm, rows, D, cfg->norm_eps, 1, c->threads);
    layer_lap(c->clock, PART_NORMS);
    const struct linear inputs[] = {{b->gate, &w->gate, w->gate_bias, F}, {b->up, &w->up, w->up_bias, F}};
    linear(c, inputs, 2, b->mid_normed, D);
    layer_lap(c->clock, PART_MLP);
    if (w->poly != NULL)
        polynorm_glu(b->act, b->gate, b->up, w->poly, w->poly_bias[0], rows, F, c->threads);
    else
        swiglu_forward(b->act, b->gate, b->up, rows, F, c->threads);
    layer_lap(c->clock, PART_ACTIVATION);
    linear(c, &(struct linear){out, &w->down, w->down_bias, D}, 1, b->act, F);
    add_rows(out, out, b->mid, rows, D, c->threads);
    layer_lap(c->clock, PART_MLP);
}

/* In the order of computing: attention multiplies what comes later by zero, which spreads a NaN to the rows before it. */
size_t layer_find_not_finite(const float *out, const struct layer_buffers *b, const struct layer_context *c)
{
    const struct attention_plan *p = &c->model->plan;
    size_t D = c->model->config.d_model, rows = c->rows;
    if (find_not_finite(out, rows * D) == rows * D)
        return rows;
    const struct {
        const float *data;
        size_t width;
    } steps[] = {{b->normed, D},
                 {b->q, p->n_q_heads * p->head_dim},
                 {c->k, p->n_k_heads * p->head_dim},
                 {c->v, p->n_v_heads * p->v_dim},
                 {b->mid, D},
                 {out, D}};
    size_t row = rows;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && row == rows; i++)
        row = find_not_finite(steps[i].data, rows * steps[i].width) / steps[i].width;
    return row;
}

enum status layer_gradients_init(struct layer_gradients *g, const struct model *m, size_t rows, struct error *err)
{
    const struct attention_plan *p = &m->plan;
    size_t out = p->n_heads * attention_width(p), F = m->config.d_ff;
    *g = (struct layer_gradients){0};
    const struct slice slices[] = {{&g->dq, rows * p->n_q_heads * p->head_dim},
                                   {&g->dk, rows * p->n_k_heads * p->head_dim},
                                   {&g->dv, rows * p->n_v_heads * p->v_dim},
                                   {&g->dcoef, rows * p->n_heads * p->n_maps},
                                   {&g->dlam, m->config.lambda == LAMBDA_PROJECTION ? rows * p->n_heads : 0},
                                   {&g->dheads, rows * out},
                                   {&g->dheads_normed, rows * out},
                                   {&g->dnormed, rows * m->config.d_model},
                                   {&g->dgate, rows * F},
                                   {&g->dup, rows * F},
                                   {&g->dact, rows * F}};
    g->storage = CARVE(slices);
    return carved(g->storage, rows, err);
}

size_t layer_scratch_floats(const struct model *m, size_t rows, int threads)
{
    const struct attention_plan *p = &m->plan;
    size_t q = p->n_q_heads * p->head_dim, k = p->n_k_heads * p->head_dim, v = p->n_v_heads * p->v_dim;
    size_t out = p->n_heads * attention_width(p);
    return rows * (p->head_dim + q + 2 * k + 2 * v + p->n_heads * (p->n_maps + 1) + 2 * out + m->config.d_model +
                   3 * m->config.d_ff) +
           (size_t)threads * attention_scratch(p);
}

void layer_gradients_free(struct layer_gradients *g)
{
    free(g->storage);
    *g = (struct layer_gradients){0};
}
