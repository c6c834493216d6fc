/* ratio.h - metrics that are a sum over a sum: losses of tokens of many documents, where the long ones count for more. */
#ifndef DIFFTF_REPORT_RATIO_H
#define DIFFTF_REPORT_RATIO_H

#include "report/report.h"

/* What a metric is of the ratio: itself, its exp (a perplexity), its square root (of squares). */
enum ratio_kind { RATIO_ITSELF, RATIO_EXPONENT, RATIO_ROOT, N_RATIO_KINDS };
/* value = sum of `sum` / sum of `count` over the items; the units of the interval are the items (documents). */
struct ratio_metric {
    const char *name, *sum, *count; /* fields of an item's result */
    enum ratio_kind kind;
    bool per_token; /* of tokens: models with another tokenizer than the baseline's are not compared */
    const char *better;
};

/* Adds the metric over the items that fit `where`, for every model that has values, and each one's difference to the baseline. */
enum status report_add_ratio(struct report *r, const cJSON *items, const struct ratio_metric *metric, const cJSON *where,
                             struct error *err);

/* As a row's `kind` names them; such a row has the fields `field` and `per`. */
extern const char *const RATIO_KINDS[N_RATIO_KINDS];
/* The difference of a ratio between a model of one report's items and a model of another's (or the same), paired by the items'
 * ids: *n items have both. `row` is the metric's. False when out of memory. */
bool ratio_compare(struct paired *out, size_t *n, const cJSON *items, const char *model, const cJSON *other_items,
                   const char *other, const cJSON *row, uint64_t seed);

#endif
