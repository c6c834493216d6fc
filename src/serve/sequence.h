/* sequence.h - one prompt and what is made of it, a step at a time. */
#ifndef DIFFTF_SERVE_SEQUENCE_H
#define DIFFTF_SERVE_SEQUENCE_H

#include "serve/slot.h"

enum finish { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_FAILED };
extern const char *const FINISH_WORDS[]; /* as the protocol has them; NULL for none */

struct sequence {
    const struct completion *asked;
    const struct prompt *prompt;
    size_t index;      /* of the choice in the answer */
    struct slot *slot; /* while it runs */
    struct ids ids;    /* the prompt, then what was generated */
    struct rng rng;
    struct text text;               /* generated; a stop text and what comes after it is cut off */
    struct prediction *predictions; /* [ids.n] of every token when it is done; NULL unless they were asked for */
    struct watch watch;             /* where a probe is asked for */
    struct probe probe;
    enum finish finish;
    size_t n_shared; /* tokens of the prompt that were there already */
    struct error error;
};

void sequence_init(struct sequence *q, const struct completion *asked, size_t index);
void sequence_free(struct sequence *q);
/* Nothing has to be computed for it: it is finished at once. */
bool sequence_is_idle(const struct sequence *q);
/* Takes a slot; false: later (or FINISH_FAILED). */
bool sequence_start(struct sequence *q, struct slots *slots);
/* Runs the next block of the prompt, or one more token; on its last step it leaves the slot's predictions in its own. */
void sequence_step(struct sequence *q, int threads);
/* Its next step is one generated token, which may run together with those of others: what sequence_step would do before, and then
 * sequence_ran. */
bool sequence_decodes(const struct sequence *q);
void sequence_ran(struct sequence *q);
/* What the model said of token i of ids while it runs or after it; NULL where it was not asked. */
const struct prediction *sequence_prediction(const struct sequence *q, size_t i);
/* Gives its slot back. */
void sequence_end(struct sequence *q);
/* How many bytes of the text nothing that comes can change any more: neither a stop text nor a character begins after them. */
size_t sequence_settled(const struct sequence *q);

#endif
