/* choice_score.h - one multiple-choice question on one model, as the LM Evaluation Harness scores it. */
#ifndef DIFFTF_TASKS_CHOICE_SCORE_H
#define DIFFTF_TASKS_CHOICE_SCORE_H

#include "lm/tokenizer.h"
#include "model/session.h"
#include "tasks/choice_form.h"

/* Tokens of `context` and of `delimiter + continuation`, tokenized together and cut where the context alone ends; white space at
 * the end of the context goes to the continuation. */
struct scored_pair {
    struct ids ids;
    size_t n_context; /* ids before the continuation, at least 1 */
};
enum status scored_pair_make(struct scored_pair *pair, const struct tokenizer *tokenizer, const char *context,
                             const char *delimiter, const char *continuation, int32_t start_token, struct error *err);
void scored_pair_free(struct scored_pair *pair);

/* Adds {score: acc, output: the chosen text, evidence: {log_p [n], bytes [n], chosen, chosen_norm, target, acc_norm}} to
 * `result`. `prefix` (the worked examples) stands before every context. acc: the largest sum of log-probabilities; acc_norm: the
 * largest sum divided by the choice's length in bytes. A context that is too long for the model loses its beginning. */
enum status question_score(cJSON *result, const struct question *q, const char *prefix, const char *delimiter,
                           const struct tokenizer *tokenizer, struct session *session, struct error *err);

#endif
