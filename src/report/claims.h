/* claims.h - what the paper claims, beside what reports say. */
#ifndef DIFFTF_REPORT_CLAIMS_H
#define DIFFTF_REPORT_CLAIMS_H

#include "base/status.h"

#include <cjson/cJSON.h>

/* Adds a row for each comparison of a differential model with one that is not, where the paper has a figure of the same kind:
 * {claim, paper, setting, model, baseline, value, baseline_value, difference, ci, verdict}. verdict: "same direction" when the
 * interval is on the paper's side of zero, "opposite" on the other, "no difference seen" when it holds zero. */
enum status claims_add(cJSON *rows, const cJSON *report, struct error *err);

#endif
