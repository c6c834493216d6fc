/* claims.h - what the paper claims, beside what reports say. */
#ifndef DIFFTF_REPORT_CLAIMS_H
#define DIFFTF_REPORT_CLAIMS_H

#include "base/status.h"

#include <cjson/cJSON.h>

/* Adds a row to `settings` for each comparison of a differential model with one that is not, where the paper has a figure of the
 * same kind: {task, claim, paper, setting, model, baseline, value, baseline_value, difference, ci, n, p_value, detectable,
 * paper_difference, and paper_value, paper_baseline where the paper has both}. detectable: the smallest difference that would be
 * seen in four of five such runs. */
enum status claims_add(cJSON *settings, const cJSON *report, struct error *err);
/* Gives each setting its p-value corrected over all of them (Holm), `p_holm`, and its `verdict`:
 *   "same direction", "opposite"   p_holm below 0.05, on the paper's side of zero or the other
 *   "too few to tell"              otherwise, where the detectable difference is larger than the paper's, no p-value of so few
 *                                  units could be below 0.05, or it is below 0.05 until it is corrected
 *   "no difference seen"           otherwise
 * and returns one row a claim, in the paper's order: the members of the setting that decides (the smallest p-value) and all of
 * them as `settings`. Of reports over trainings (trainings.h) the mean over a claim's settings decides, whose p-values are
 * corrected over the claims, so that a claim is asked one question, and those of the settings within it. The caller deletes it.
 */
cJSON *claims_judge(cJSON *settings);

#endif
