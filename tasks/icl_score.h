/* icl_score.h - a test text after its demonstrations: the label that a model gives it, decoded from the trie of all labels. */
#ifndef DIFFTF_TASKS_ICL_SCORE_H
#define DIFFTF_TASKS_ICL_SCORE_H

#include "lm/constrained.h"
#include "suite/prompt.h"
#include "tasks/icl_prompt.h"

/* Tokens of every label and the line break after it, as they follow the prompt. */
enum status icl_trie(struct label_trie *trie, const struct labelled *train, const struct icl_form *form,
                     const struct tokenizer *t, struct error *err);

/* Demonstrations, and what a session holds of them. */
struct shown {
    const struct experiment *e; /* seed, --bos */
    const struct subject *subject;
    const struct icl_form *form;
    struct text text;
    struct ids ids;
    size_t valid; /* tokens in the session that are those of the demonstrations */
};
/* Writes the first `shots` demonstrations in an order. */
enum status shown_write(struct shown *d, const struct labelled *train, size_t shots, enum arrangement arrangement, size_t order,
                        struct error *err);
/* Runs them: once, for every test text. */
enum status shown_run(struct shown *d, struct session *session, struct error *err);
void shown_free(struct shown *d);

/* The label of a test text. Each prompt is encoded as one text; what it shares with the demonstrations has run already. `total`:
 * the label of the largest total log-probability, not token by token. `logits` has room for the vocabulary. */
enum status icl_classify(size_t *label, struct shown *d, const char *test, const struct label_trie *trie, bool total,
                         struct session *session, float *logits, struct error *err);

#endif
