/* perplexity_against.h - a model's distributions beside those of a base: what a quantised or converted model lost. */
#ifndef DIFFTF_TASKS_PERPLEXITY_AGAINST_H
#define DIFFTF_TASKS_PERPLEXITY_AGAINST_H

#include "report/report.h"
#include "suite/experiment.h"

/* Loads the base of --against. */
enum status against_load(struct subject *base, struct experiment *e, const char *folder, struct error *err);
/* Runs the first n of a document's tokens, which the session has not seen, through both models; adds to the evidence: kl, its
 * sketch, same_top, probability_squares, and the sums that the correlation of losses needs. */
enum status against_run(const struct experiment *e, const struct subject *base, const char *text, size_t length,
                        const struct ids *ids, size_t n, struct session *session, cJSON *evidence, struct error *err);
/* Metrics with intervals over documents. */
enum status against_summarize(const cJSON *items, struct report *r, struct error *err);

#endif
