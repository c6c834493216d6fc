/* slot.h - the keys and values of one sequence, kept for the next that begins alike.
 *
 * Tokens pass in blocks that end at fixed places (slot_block_end), whatever is asked and whatever runs beside: what is computed
 * for a token depends on the tokens before it and on nothing else, to the last bit. So a sequence may take whole blocks of
 * another that begins with the same tokens, and has the bits that it would have alone.
 */
#ifndef DIFFTF_SERVE_SLOT_H
#define DIFFTF_SERVE_SLOT_H

#include "model/batch.h"
#include "serve/prediction.h"

struct slot {
    const struct served *served;
    struct session session;
    struct ids held;                /* tokens that the session has run */
    struct prediction *predictions; /* [capacity] of the token after each held one; the first n_scored are there */
    float *ends;                    /* [blocks, d_model] the normed stream at the end of each block: scores the token after it */
    float *logits;                  /* [vocab_size] of the last token */
    size_t n_scored, n_whole;       /* of them in whole blocks: what others can share */
    const struct ids *coming;       /* what will be run in it; NULL: idle */
    size_t n_prompt;                /* of what is coming, so many are known */
    uint64_t used;                  /* a larger number was used later */
};

struct slots {
    struct slot **slot;
    size_t n, most;
    uint64_t clock;
    int threads;
};

/* Where the block of a position ends: at every 64 tokens at first, then at every 256. */
size_t slot_block_end(size_t position);

/* A slot for a prompt, with room for `capacity` tokens; its session holds the beginning that another one had
 * (`scored`: only where its predictions are there, too; `fresh`: nothing). NULL with OK: later, for another sequence is just
 * computing what this one can share, or all slots are taken. */
enum status slots_take(struct slots *s, struct slot **slot, const struct served *served, const struct ids *ids, size_t capacity,
                       bool scored, bool fresh, struct error *err);
/* The sequence is done; what it held stays for others. */
void slots_give(struct slot *slot);
void slots_free(struct slots *s);

/* Runs the next n of its coming tokens; the last one's logits land in slot->logits. `scored`: with predictions of what follows
 * each, as far as it is known. */
enum status slot_run(struct slot *slot, size_t n, bool scored, const struct probe *probe, int threads, struct error *err);
/* Runs the next coming token of each of n slots of one model at once: the same bits as slot_run of each.
 * An error leaves all as they were. */
enum status slots_step(struct slot *const *slots, size_t n, struct batch *batch, struct error *err);
/* The prediction of the token after the last one that was run, from its logits. */
void slot_predict(struct slot *slot, int32_t id);

#endif
