/* batch.h - one more token for several sequences at once: the weights are read once for all of them.
 *
 * Each sequence gets the bits that it gets alone (session_run of one token), whatever else is in the batch and however many
 * threads there are.
 */
#ifndef DIFFTF_MODEL_BATCH_H
#define DIFFTF_MODEL_BATCH_H

#include "model/session.h"

struct batch {
    const struct model *model;
    size_t rows; /* sequences at most */
    struct layer_buffers buffers;
    struct layer_context context;
    float *normed;        /* [rows, D] */
    float *logits;        /* [rows, vocab_size] after the last step's tokens, in the order of its sessions */
    struct kv_store **kv; /* [rows] */
    size_t *position;     /* [rows] */
};

enum status batch_init(struct batch *b, const struct model *model, size_t rows, int threads, struct error *err);
void batch_free(struct batch *b);
/* Runs ids[i] as the next token of sessions[i], n of them (1 to rows), all of the batch's model, none twice, none with rounded
 * logits; what comes next stands in b->logits. An error names the session's place and leaves every session as it was. */
enum status batch_step(struct batch *b, struct session *const *sessions, const int32_t *ids, size_t n, struct error *err);

#endif
