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

/* Is the metric one of the task's headline: of the first table that it shows? */
bool report_is_headline(const cJSON *report, const char *name);
/* Do two reports speak of the same data: does every set that both know by name have the same digest? */
bool report_same_data(const cJSON *a, const cJSON *b);
/* Adds a row for every metric that model_a has in report a and model_b in report b at the same place: {name, where, model,
 * baseline, value, baseline_value, difference, ci, p_value, p_higher, p_lower (one-sided), n, better, paired}. b is the baseline:
 * difference = a - b. Paired by item where both rows say which field they are made from and the data are the same, else from the
 * two intervals as if they were independent. */
enum status report_compare(cJSON *rows, const cJSON *a, const char *model_a, const cJSON *b, const char *model_b, uint64_t seed,
                           struct error *err);

/* A check: what was asked and how it went. */
struct checks {
    cJSON *results; /* array of {name, passed, says} */
    size_t failed;
};
/* How much worse a report may be. */
struct check_level {
    double alpha;     /* how often a whole check of two equal models may fail: rows are corrected after Holm */
    double tolerance; /* worse by so much is allowed */
    bool every;       /* every metric with a better direction, not only those of the task's first table */
};
enum status check_against(struct checks *c, const cJSON *report, const cJSON *baseline, const struct check_level *level,
                          struct error *err);
/* Rules [{metric, model, where, min, max, use: value|low|high, of: metrics|comparisons}]: each must match something, and
 * everything that it matches must be within its bounds. */
enum status check_rules(struct checks *c, const cJSON *report, const cJSON *rules, const char *name, struct error *err);
/* JUnit XML. */
enum status checks_write_junit(const struct checks *c, const char *path, struct error *err);

#endif
