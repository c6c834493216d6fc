/* session.c - see session.h. */
#include "model/session.h"

#include "base/memory.h"
#include "numeric/gemm.h"
#include "numeric/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status session_init(struct session *s, const struct model *m, size_t capacity, int threads, struct error *err)
{
    size_t padded = (capacity + ATTENTION_TILE - 1) / ATTENTION_TILE * ATTENTION_TILE;
    *s = (struct session){.model = m, .capacity = capacity, .block = SESSION_BLOCK};
    s->kv = calloc(m->config.n_layers, sizeof *s->kv);
    s->normed = mem_array(SESSION_BLOCK * m->config.d_model, sizeof(float));
    s->row = mem_array(padded, sizeof(float));
    s->row_work = mem_array(padded, sizeof(float));
    enum status status = OK;
    if (s->kv == NULL || s->normed == NULL || s->row == NULL || s->row_work == NULL)
        status = error_set(err, ERR_SYSTEM, "session: out of memory for %zu tokens", capacity);
    if (status == OK)
        status = layer_buffers_init(&s->buffers, m, SESSION_BLOCK, false, err);
    if (status == OK)
        status = layer_context_init(&s->context, m, SESSION_BLOCK, threads, err);
    for (size_t l = 0; l < m->config.n_layers && status == OK; l++)
        status = kv_store_init(&s->kv[l], &m->plan, capacity, config_window(&m->config, l), err);
    if (status != OK)
        session_free(s);
    return status;
}

enum status session_widen(struct session *s, size_t rows, struct error *err)
{
    int threads = s->context.threads;
    s->block = rows > SESSION_BLOCK ? rows : SESSION_BLOCK;
    layer_buffers_free(&s->buffers);
    layer_context_free(&s->context);
    enum status status = layer_buffers_init(&s->buffers, s->model, s->block, false, err);
    return status == OK ? layer_context_init(&s->context, s->model, s->block, threads, err) : status;
}

void session_free(struct session *s)
{
    for (size_t l = 0; s->kv != NULL && l < s->model->config.n_layers; l++)
        kv_store_free(&s->kv[l]);
    free(s->kv);
    free(s->normed);
    free(s->row);
    free(s->row_work);
    layer_buffers_free(&s->buffers);
    layer_context_free(&s->context);
    *s = (struct session){0};
}

size_t session_memory(const struct model *m, size_t capacity, int threads)
{
    const struct attention_plan *p = &m->plan;
    const struct config *c = &m->config;
    size_t token = c->n_layers * (p->n_k_heads * p->head_dim + p->n_v_heads * p->v_dim) + 2;
    size_t out = p->n_heads * attention_width(p);
    size_t row = 4 * c->d_model + (p->n_q_heads + p->n_k_heads + 1) * p->head_dim + p->n_v_heads * p->v_dim + 2 * out +
                 3 * c->d_ff + p->n_heads * p->n_maps;
    return sizeof(float) * (capacity * token + SESSION_BLOCK * row + (size_t)threads * attention_scratch(p));
}

/* Every map of a head by itself. */
static void show_maps(struct session *s, const struct probe *probe, size_t layer, size_t head, size_t position, const float *q,
                      const float *coef)
{
    const struct attention_plan *p = &s->model->plan;
    for (size_t m = 0; m < p->n_maps; m++) {
        size_t index = head * p->n_maps + m;
        attention_map_row(s->row, p, &s->kv[layer], q, index, position, s->row_work);
        probe->on_map(probe->context, layer, head, m, position, coef ? coef[index] : 1.0f, s->row);
    }
}

static void show_rows(struct session *s, const struct probe *probe, size_t layer)
{
    const struct attention_plan *p = &s->model->plan;
    const struct layer_buffers *b = &s->buffers;
    size_t maps = p->n_heads * p->n_maps;
    for (size_t i = 0; i < s->context.rows; i++) {
        size_t position = s->context.start + i;
        const float *q = b->q + i * p->n_q_heads * p->head_dim, *coef = b->coef ? b->coef + i * maps : NULL;
        if (!probe->wants_row(probe->context, layer, position))
            continue;
        for (size_t h = 0; h < p->n_heads; h++) {
            if (probe->on_map != NULL)
                show_maps(s, probe, layer, h, position, q, coef);
            if (probe->on_row == NULL)
                continue;
            attention_row(s->row, p, &s->kv[layer], q, coef, h, position, s->row_work);
            probe->on_row(probe->context, layer, h, position, s->row);
        }
    }
}

enum status session_not_finite(const struct session *s, const char *what, size_t position, struct error *err)
{
    return error_set(err, ERR_INPUT, "%s: %s: a NaN or infinity at position %zu, expected finite numbers",
                     s->model->folder ? s->model->folder : "model", what, position);
}

/* What is no number spreads to all that comes after it: the first place is told. */
static enum status check_layer(const struct session *s, size_t layer, struct error *err)
{
    size_t row = layer_find_not_finite(s->buffers.x, &s->buffers, &s->context);
    char name[32];
    if (row == s->context.rows)
        return OK;
    snprintf(name, sizeof name, "layer %zu", layer);
    return session_not_finite(s, name, s->n_tokens + row, err);
}

/* The last norm, a block of its fixed size after another, shown to the probe; `normed` holds the last one. */
static void finish_rows(struct session *s, size_t rows, const struct probe *probe)
{
    const struct config *c = &s->model->config;
    for (size_t i = 0, n; i < rows; i += n) {
        n = rows - i < SESSION_BLOCK ? rows - i : SESSION_BLOCK;
        rmsnorm_forward(s->normed, s->buffers.x + i * c->d_model, s->model->weights.final_norm, n, c->d_model, c->norm_eps, 1,
                        s->context.threads);
        layer_lap(s->context.clock, PART_NORMS);
        if (probe != NULL && probe->on_final != NULL)
            probe->on_final(probe->context, s->n_tokens + i, n, s->normed, c->d_model);
    }
}

static enum status run_block(struct session *s, const int32_t *ids, size_t rows, size_t length, const struct probe *probe,
                             struct error *err)
{
    const struct model *m = s->model;
    size_t D = m->config.d_model;
    float *x = s->buffers.x;
    layer_context_place(&s->context, s->n_tokens, rows, length);
    for (size_t i = 0; i < rows; i++)
        matrix_widen(x + i * D, &m->weights.embedding, (size_t)ids[i] * D, D);
    bool observed = s->logit_bits > 0 || (probe != NULL && probe->on_logits != NULL);
    struct logit_observer observer = {.bits = s->logit_bits, .tensor = s->logit_tensor};
    if (probe != NULL) {
        observer.context = probe->context;
        observer.on_tile = probe->on_logits;
    }
    s->context.observer = observed ? &observer : NULL;
    for (size_t l = 0; l < m->config.n_layers; l++) {
        observer.layer = l;
        layer_forward(x, &s->buffers, &s->kv[l], l, &s->context);
        enum status status = check_layer(s, l, err);
        if (status != OK)
            return status;
        if (probe != NULL && probe->wants_row != NULL)
            show_rows(s, probe, l);
        if (probe != NULL && probe->on_hidden != NULL)
            probe->on_hidden(probe->context, l, s->n_tokens, rows, x, D);
    }
    s->context.observer = NULL;
    finish_rows(s, rows, probe);
    s->n_tokens += rows;
    return OK;
}

enum status session_run(struct session *s, const int32_t *ids, size_t n, const struct probe *probe, float *last_logits,
                        struct error *err)
{
    size_t rows = 0;
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= s->model->config.vocab_size)
            return error_set(err, ERR_INPUT, "%s: token %d is not in the model's vocabulary, expected 0 to %zu", s->model->folder,
                             (int)ids[i], s->model->config.vocab_size - 1);
    if (n > s->capacity - s->n_tokens)
        return error_set(err, ERR_INPUT, "session: %zu tokens do not fit, expected at most %zu", s->n_tokens + n, s->capacity);
    size_t length = s->n_tokens + n;
    for (size_t i = 0; i < n; i += rows) {
        if (s->stop != NULL && *s->stop)
            return error_set(err, ERR_STOPPED, "stopped");
        rows = n - i < s->block ? n - i : s->block;
        enum status status = run_block(s, ids + i, rows, length, probe, err);
        if (status != OK)
            return status;
    }
    if (last_logits != NULL && n > 0) {
        session_logits(s, last_logits, s->normed + (rows - 1) % SESSION_BLOCK * s->model->config.d_model, 1);
        if (find_not_finite(last_logits, s->model->config.vocab_size) < s->model->config.vocab_size)
            return session_not_finite(s, "logits", s->n_tokens - 1, err);
    }
    layer_lap(s->context.clock, PART_LM_HEAD);
    if (s->trace != NULL)
        s->trace(s->trace_context, s->n_tokens - n, ids, n, last_logits);
    return OK;
}

void session_rewind(struct session *s, size_t n)
{
    if (n < s->n_tokens)
        s->n_tokens = n;
}

void session_share(struct session *s, const struct session *from, size_t n)
{
    for (size_t l = 0; l < s->model->config.n_layers; l++)
        kv_store_copy(&s->kv[l], &from->kv[l], &s->model->plan, n);
    s->n_tokens = n;
}

void session_logits(const struct session *s, float *logits, const float *normed, size_t rows)
{
    const struct config *c = &s->model->config;
    linear_forward(&(struct linear){logits, &s->model->weights.lm_head, NULL, c->vocab_size}, 1, normed, rows, c->d_model,
                   s->model->compute, s->context.threads);
}
