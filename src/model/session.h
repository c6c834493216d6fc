/* session.h - one sequence being evaluated: its keys and values, and the buffers of the forward pass.
 *
 * Each worker has its own; the model is shared.  Tokens pass in blocks of fixed
 * size, so memory is the keys and values plus a constant, and the bits do not
 * depend on the number of threads.
 */
#ifndef DIFFTF_MODEL_SESSION_H
#define DIFFTF_MODEL_SESSION_H

#include "model/layer.h"
#include "model/probe.h"

#include <signal.h>

enum { SESSION_BLOCK = 256 };

struct session {
    const struct model *model;
    struct kv_store *kv; /* [n_layers] */
    struct layer_buffers buffers;
    struct layer_context context;
    float *normed;         /* [SESSION_BLOCK, D] */
    float *row, *row_work; /* one row of attention each */
    size_t n_tokens, capacity;
    size_t block;        /* tokens that pass at once */
    unsigned logit_bits; /* 2..15: attention logits are rounded to so many bits; 0: not */
    bool logit_tensor;   /* by the largest of all logits of a layer that pass at once, not of each row */
    /* Told of every run when it is done, with the position of ids[0] and the last token's logits if they were asked for; usually
     * NULL. */
    void (*trace)(void *context, size_t start, const int32_t *ids, size_t n, const float *last_logits);
    void *trace_context;
    const volatile sig_atomic_t *stop; /* may be NULL; when set, session_run returns ERR_STOPPED between blocks */
};

/* `capacity` tokens at most. */
enum status session_init(struct session *s, const struct model *model, size_t capacity, int threads, struct error *err);
void session_free(struct session *s);
/* Lets `rows` tokens pass at once, SESSION_BLOCK at least, for what is of a whole sequence: its logits rounded as one tensor. The
 * memory of the buffers grows with them. */
enum status session_widen(struct session *s, size_t rows, struct error *err);
/* Bytes that session_init will take. */
size_t session_memory(const struct model *model, size_t capacity, int threads);
/* Runs n more tokens (all ids in the vocabulary); a layer or last logits that are not finite are ERR_INPUT; last_logits
 * [vocab_size] of the last one, or NULL; probe or NULL. */
enum status session_run(struct session *s, const int32_t *ids, size_t n, const struct probe *probe, float *last_logits,
                        struct error *err);
/* The error of a caller's own `what` ("loss") that is not finite at a position. */
enum status session_not_finite(const struct session *s, const char *what, size_t position, struct error *err);
/* Forgets all but the first n tokens. */
void session_rewind(struct session *s, size_t n);
/* Takes the first n tokens of another session of the same model in the place of its own; it must have room for them. */
void session_share(struct session *s, const struct session *from, size_t n);
/* logits [rows, vocab_size] of normed rows. */
void session_logits(const struct session *s, float *logits, const float *normed, size_t rows);

#endif
