/* report.h - the JSON document that everything a person sees is made from.
 *
 * Metrics are tidy rows with their dimensions in `where`; tables, comparisons
 * and checks are generic over them.  Two runs with the same options and files
 * differ in `run` alone.
 */
#ifndef DIFFTF_REPORT_REPORT_H
#define DIFFTF_REPORT_REPORT_H

#include "base/status.h"
#include "formats/json.h"
#include "report/statistics.h"

struct report {
    cJSON *root, *metrics, *comparisons, *series;
    uint64_t seed;   /* of every resampling */
    size_t baseline; /* the place among the report's models of the one that the others are compared with */
};

/* The models of the report, whose results the rows are made from: object and name. */
const cJSON *report_models(const struct report *r);
const char *report_model(const struct report *r, size_t place);
size_t report_n_models(const struct report *r);

/* What a person should be shown of a report, as data that the report carries: tables and pictures are drawn from it.
 *   kind   "table"    metric `name`, a column for each value of the dimension x (NULL: none)
 *          "heatmap"  metric `name` over the dimensions x and y
 *          "bars"     metric `name` over the dimension x; of several metrics one beside another
 *          "parts"    several metrics as the parts of a whole
 *          "lines"    series `name`;  "steps" the same as a histogram
 *          "fits"     two series, "fit,measured": lines over points
 *          "ranges"   series `name`: best, worst and all between, place beside place;  "dots": one dot a value */
struct view {
    const char *kind, *name, *title, *x, *y;
};

/* Everything but options, models, data, digest and rows, which the caller adds. */
void report_begin(struct report *r, const char *task, uint64_t seed);
/* Adds a view. */
void report_add_view(struct report *r, const struct view *view);
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
enum status report_add(struct report *r, const cJSON *items, const struct metric *metric, const cJSON *where, struct error *err);

/* Does a model cut text into the same tokens as the baseline? What stored results do not say counts as yes. */
bool report_same_tokens(const struct report *r, size_t model);

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
void report_add_curve(struct report *r, const char *name, const char *metric, const cJSON *where, const char *dimension,
                      const char *x_label, const char *y_label, const char *x_scale);

/* The row of a metric whose `where` has exactly the members of `where`; NULL when there is none. */
const cJSON *report_find(const cJSON *rows, const char *name, const char *model, const cJSON *where);

/* Adds the items and the `run` object and writes the document atomically; `items` is taken over. */
enum status report_write(struct report *r, const char *path, cJSON *items, cJSON *run, struct error *err);

#endif
