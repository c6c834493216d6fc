/* batch.c - see batch.h. */
#include "model/batch.h"

#include "base/memory.h"
#include "numeric/gemm.h"
#include "numeric/layers.h"

#include <stdlib.h>
#include <string.h>

enum status batch_init(struct batch *b, const struct model *model, size_t rows, int threads, struct error *err)
{
    *b = (struct batch){.model = model, .rows = rows};
    b->normed = mem_array(rows * model->config.d_model, sizeof *b->normed);
    b->logits = mem_array(rows * model->config.vocab_size, sizeof *b->logits);
    b->kv = mem_array(rows, sizeof *b->kv);
    b->position = mem_array(rows, sizeof *b->position);
    enum status status = b->normed && b->logits && b->kv && b->position
                             ? layer_buffers_init(&b->buffers, model, rows, false, err)
                             : error_set(err, ERR_SYSTEM, "batch: out of memory for %zu sequences", rows);
    if (status == OK)
        status = layer_context_init(&b->context, model, rows, threads, err);
    if (status != OK)
        batch_free(b);
    return status;
}

void batch_free(struct batch *b)
{
    layer_buffers_free(&b->buffers);
    layer_context_free(&b->context);
    free(b->normed);
    free(b->logits);
    free(b->kv);
    free(b->position);
    *b = (struct batch){0};
}

/* Takes the token of each sequence, and where it stands. */
static enum status place(struct batch *b, struct session *const *sessions, const int32_t *ids, size_t n, struct error *err)
{
    const struct config *c = &b->model->config;
    struct layer_context *context = &b->context;
    for (size_t i = 0; i < n; i++) {
        const struct session *s = sessions[i];
        size_t at = s->n_tokens, half = c->head_dim / 2;
        if (s->model != b->model || s->logit_bits > 0 || at >= s->capacity || ids[i] < 0 || (size_t)ids[i] >= c->vocab_size)
            return error_set(err, ERR_INPUT,
                             "batch: sequence %zu cannot take token %d after %zu, expected one of the vocabulary and room", i,
                             (int)ids[i], at);
        b->kv[i] = s->kv;
        b->position[i] = at;
        rope_table(&c->rope, c->head_dim, context->cosines + i * half, context->sines + i * half, at, 1, at + 1);
        matrix_widen(b->buffers.x + i * c->d_model, &b->model->weights.embedding, (size_t)ids[i] * c->d_model, c->d_model);
    }
    context->rows = n;
    return OK;
}

static enum status not_finite(const struct batch *b, struct session *const *sessions, const char *what, size_t row,
                              struct error *err)
{
    return session_not_finite(sessions[row], what, b->position[row], err);
}

enum status batch_step(struct batch *b, struct session *const *sessions, const int32_t *ids, size_t n, struct error *err)
{
    const struct config *c = &b->model->config;
    const struct layer_places places = {b->kv, b->position};
    size_t D = c->d_model, bad;
    enum status status = place(b, sessions, ids, n, err);
    if (status != OK)
        return status;
    b->context.places = &places;
    for (size_t l = 0; l < c->n_layers; l++) {
        layer_forward(b->buffers.x, &b->buffers, NULL, l, &b->context);
        bad = find_not_finite(b->buffers.x, n * D) / D;
        if (bad < n)
            return not_finite(b, sessions, "hidden state", bad, err);
    }
    rmsnorm_forward(b->normed, b->buffers.x, b->model->weights.final_norm, n, D, c->norm_eps, 1, b->context.threads);
    linear_each(&(struct linear){b->logits, &b->model->weights.lm_head, NULL, c->vocab_size}, 1, b->normed, n, D,
                b->model->compute, b->context.threads);
    bad = find_not_finite(b->logits, n * c->vocab_size) / c->vocab_size;
    if (bad < n)
        return not_finite(b, sessions, "logits", bad, err);
    for (size_t i = 0; i < n; i++) {
        struct session *s = sessions[i];
        s->n_tokens++;
        memcpy(s->normed, b->normed + i * D, D * sizeof *s->normed); /* as session_run leaves it */
        if (s->trace != NULL)
            s->trace(s->trace_context, s->n_tokens - 1, &ids[i], 1, b->logits + i * c->vocab_size);
    }
    return OK;
}
