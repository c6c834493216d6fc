/* divergence.c - see divergence.h. */
#include "lm/divergence.h"

#include "base/memory.h"
#include "lm/logits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOGITS_AT_ONCE = 1 << 20 }; /* of each model */

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    (void)start;
    memcpy(context, normed, rows * width * sizeof *normed);
}

static struct divergence compare(const float *model, const float *base, size_t n, int32_t next)
{
    double whole[2] = {logits_log_sum(model, n), logits_log_sum(base, n)}, kl = 0;
    for (size_t i = 0; i < n; i++) {
        double log_p = (double)base[i] - whole[1];
        kl += exp(log_p) * (log_p - ((double)model[i] - whole[0]));
    }
    return (struct divergence){.kl = kl > 0 ? kl : 0, /* never below zero but for rounding */
                               .base_nll = whole[1] - (double)base[next],
                               .model_nll = whole[0] - (double)model[next],
                               .same_top = logits_top(model, n) == logits_top(base, n)};
}

static void compare_block(struct divergence *out, const struct session *model, const struct session *base, float *const normed[2],
                          const int32_t *next, size_t rows, float *logits, size_t at_once)
{
    const struct session *sessions[2] = {model, base};
    size_t vocab = model->model->config.vocab_size;
    for (size_t at = 0; at < rows; at += at_once) {
        size_t n = rows - at < at_once ? rows - at : at_once;
        for (size_t s = 0; s < 2; s++)
            session_logits(sessions[s], logits + s * at_once * vocab, normed[s] + at * sessions[s]->model->config.d_model, n);
#pragma omp parallel for num_threads(model->context.threads) if (model->context.threads > 1)
        for (size_t i = 0; i < n; i++)
            out[at + i] = compare(logits + i * vocab, logits + (at_once + i) * vocab, vocab, next[at + i]);
    }
}

enum status divergence_tokens(struct session *model, struct session *base, const int32_t *ids, size_t n, struct divergence *out,
                              struct error *err)
{
    size_t vocab = model->model->config.vocab_size;
    size_t at_once = LOGITS_AT_ONCE / vocab < SESSION_BLOCK ? LOGITS_AT_ONCE / vocab + 1 : SESSION_BLOCK;
    struct session *sessions[2] = {model, base};
    float *normed[2]; /* [SESSION_BLOCK, width] of one block of tokens */
    struct probe probes[2];
    enum status status = OK;
    for (size_t s = 0; s < 2; s++) {
        normed[s] = mem_array(SESSION_BLOCK * sessions[s]->model->config.d_model, sizeof(float));
        probes[s] = (struct probe){.context = normed[s], .on_final = on_final};
    }
    float *logits = mem_array(2 * at_once * vocab, sizeof *logits);
    for (size_t at = 0; at + 1 < n && status == OK; at += SESSION_BLOCK) {
        size_t rows = n - 1 - at < SESSION_BLOCK ? n - 1 - at : SESSION_BLOCK;
        for (size_t s = 0; s < 2 && status == OK; s++)
            status = session_run(sessions[s], ids + at, rows, &probes[s], NULL, err);
        if (status == OK)
            compare_block(out + at, model, base, normed, ids + at + 1, rows, logits, at_once);
        for (size_t i = at; i < at + rows && status == OK; i++)
            if (!isfinite(out[i].kl))
                status = session_not_finite(model, "divergence", i, err);
    }
    free(normed[0]);
    free(normed[1]);
    free(logits);
    return status;
}
