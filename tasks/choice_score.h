/* choice_score.h - one multiple-choice question on one model, as the LM Evaluation Harness scores it. */
#ifndef DIFFTF_TASKS_CHOICE_SCORE_H
#define DIFFTF_TASKS_CHOICE_SCORE_H

#include "suite/prompt.h"
#include "tasks/choice_form.h"

/* Tokens of `context` and of `delimiter + continuation`, encoded together and cut where the context alone has its last token, as
 * the harness does; white space at the end of the context goes to the continuation. Where the cut leaves none, the continuation
 * is encoded alone. */
struct scored_pair {
    struct ids ids;
    size_t n_context; /* ids before the continuation, at least 1 */
};
enum status scored_pair_make(struct scored_pair *pair, const struct experiment *e, const struct subject *subject,
                             const char *context, const char *delimiter, const char *continuation, struct error *err);
void scored_pair_free(struct scored_pair *pair);

/* Adds {score, output: the chosen text, evidence: {log_p [n], characters [n], bytes [n], chosen, chosen_norm, target, acc,
 * acc_norm, acc_bytes}} to `result`. `prefix` (the worked examples) stands before every context. acc: the largest sum of
 * log-probabilities; acc_norm: the largest sum divided by the choice's characters; acc_bytes: by its bytes; score: the one that
 * the form names as its headline. A context that is too long for the model loses its beginning: context + 1 tokens are kept, of
 * which the last is only predicted. */
enum status question_score(cJSON *result, const struct experiment *e, const struct subject *subject, const struct question *q,
                           const struct choice_form *form, const char *prefix, struct session *session, struct error *err);
/* Tokens of the longest context and choice, for any of the models. */
size_t question_tokens(const struct experiment *e, const struct question *q, const struct choice_form *form, const char *prefix);

#endif
