/* compare.h - differences between two reports, or two models of one, and checks on them. */
#ifndef DIFFTF_REPORT_COMPARE_H
#define DIFFTF_REPORT_COMPARE_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a report and checks that it is one. */
enum status report_read(cJSON **report, const char *path, struct error *err);

/* Adds a row for every metric that model_a has in report a and model_b in report b at the same place: {name, where, model,
 * baseline, value, baseline_value, difference, ci, p_value, standard_error, n, better, paired}. b is the baseline: difference = a
 * - b. Paired by item where both rows say which field they are made from, else from the two intervals as if they were
 * independent. */
enum status report_compare(cJSON *rows, const cJSON *a, const char *model_a, const cJSON *b, const char *model_b, uint64_t seed,
                           struct error *err);

/* A check: what was asked and how it went. */
struct checks {
    cJSON *results; /* array of {name, passed, says} */
    size_t failed;
};
/* Every metric of the views (with `every`: every metric with a better direction) must not be worse than in the baseline by more
 * than `standard_errors` of the difference and by more than `absolute`. */
enum status check_against(struct checks *c, const cJSON *report, const cJSON *baseline, double standard_errors, double absolute,
                          bool every, struct error *err);
/* Rules [{metric, model, where, min, max, use: value|low|high, of: metrics|comparisons}]: each must match something, and
 * everything that it matches must be within its bounds. */
enum status check_rules(struct checks *c, const cJSON *report, const cJSON *rules, const char *name, struct error *err);
/* JUnit XML. */
enum status checks_write_junit(const struct checks *c, const char *path, struct error *err);

#endif
