/* icl_summary.h - what the icl task makes of its items: accuracy by demonstrations, its spread over orders. */
#ifndef DIFFTF_TASKS_ICL_SUMMARY_H
#define DIFFTF_TASKS_ICL_SUMMARY_H

#include "report/report.h"

extern const char *const ICL_ARRANGEMENTS[]; /* "random", "alternate", NULL */

/* accuracy and labels_used at every number of demonstrations, arrangement and order; accuracy_stable, over the numbers from a
 * quarter of the largest on, where the curve is nearly flat; best, worst, margin and deviation over n_orders orders. Notes models
 * that use few of the labels. */
enum status icl_summarize(const cJSON *items, size_t n_orders, struct report *r, struct error *err);

#endif
