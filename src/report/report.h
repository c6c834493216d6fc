/* report.h - the JSON document that everything a person sees is made from.
 *
 * Metrics are tidy rows with their dimensions in `where`; tables, comparisons
 * and checks are generic over them.  Two runs with the same options and files
 * differ in `run` alone.
 */
#ifndef DIFFTF_REPORT_REPORT_H
#define DIFFTF_REPORT_REPORT_H

#include "report/statistics.h"
#include "suite/experiment.h"

struct report {
    cJSON *root, *metrics, *comparisons, *series;
};

/* A report that is not of an experiment: everything but its rows and its digest, which the caller adds. */
void report_bare(struct report *r, const char *task, uint64_t seed);
/* Adds a view. */
void report_add_view(struct report *r, const struct view *view);
enum status report_init(struct report *r, const struct experiment *e, struct error *err);
void report_free(struct report *r);

enum metric_kind {
    METRIC_PROPORTION, /* mean of values in [0, 1], Wilson interval            */
    METRIC_MEAN,       /* mean, Student's t interval                           */
    METRIC_EXP_MEAN,   /* exp of the mean and of its interval: a perplexity    */
    METRIC_TOKEN_MEAN, /* a mean over tokens: models with another tokenizer than the baseline's are not compared */
    METRIC_SHARE,      /* mean of shares, from 0 to 1                          */
    METRIC_AMOUNT,     /* mean of what is never negative: rates, counts        */
    N_METRIC_KINDS
};

extern const char *const METRIC_KINDS[N_METRIC_KINDS]; /* as a row's `kind` names them: "proportion", "mean", .. */

/* What a metric's kind says of differences. */
enum difference_of metric_difference(enum metric_kind kind);

/* How a metric follows from the results of items: `field` is a path in each model's result to a number, or to an array, each of
 * whose numbers counts. better: "higher", "lower" or NULL. */
struct metric {
    const char *name, *field;
    enum metric_kind kind;
    const char *better;
};

/* Adds the metric over the items whose `where` agrees with `where` (a dimension that items do not have restricts nothing), for
 * every model that has values, and the paired comparison of each with the baseline. */
enum status report_add(struct report *r, const struct experiment *e, const cJSON *items, const struct metric *metric,
                       const cJSON *where, struct error *err);

/* Does a model cut text into the same tokens as the baseline? What stored results do not say counts as yes. */
bool report_same_tokens(const struct experiment *e, size_t subject);

/* Adds `ci`: [low, high], or null where there are too few units for an interval. */
void report_add_interval(cJSON *row, struct interval x);
/* A sentence that a reader of the results should know, beside those of the experiment. */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A level that pictures of the metric or series `name` show at places that have the members of `where` (NULL: all). */
void report_add_reference(struct report *r, const char *name, const char *label, const cJSON *where, double value);
/* One row whose value was computed otherwise; the report owns it. NULL when the value is no number: then there is none. */
cJSON *report_add_value(struct report *r, const char *name, const char *model, const cJSON *where, struct interval value,
                        size_t n, const char *better);
void report_add_difference(struct report *r, const char *name, const char *model, const char *baseline, const cJSON *where,
                           struct paired difference, size_t n);

/* A curve without points yet; `where` may be NULL. */
cJSON *report_add_series(struct report *r, const char *name, const char *model, const cJSON *where, const char *x_label,
                         const char *y_label, const char *x_scale);
void report_add_point(cJSON *series, double x, struct interval y);
/* A curve `name` for every model: the metric at `where` and each value of `dimension` that its rows have. */
void report_add_curve(struct report *r, const struct experiment *e, const char *name, const char *metric, const cJSON *where,
                      const char *dimension, const char *x_label, const char *y_label, const char *x_scale);

/* The row of a metric whose `where` has exactly the members of `where`; NULL when there is none. */
const cJSON *report_find(const cJSON *rows, const char *name, const char *model, const cJSON *where);

/* Adds the items and the `run` object and writes the document atomically; `items` is taken over. */
enum status report_write(struct report *r, const char *path, cJSON *items, cJSON *run, struct error *err);

#endif
