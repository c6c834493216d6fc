/* places.h - metrics over the places that items have: a row for each, without a loop for each dimension. */
#ifndef DIFFTF_REPORT_PLACES_H
#define DIFFTF_REPORT_PLACES_H

#include "report/report.h"

/* Adds each metric at every different combination of the dimensions (NULL-ended names of an item's `where`) that the items have,
 * in the order in which they come. Items that lack one of the dimensions take no part. */
enum status report_add_places(struct report *r, const struct experiment *e, const cJSON *items, const struct metric *metrics,
                              size_t n_metrics, const char *const *dimensions, struct error *err);
/* The same for metrics whose field holds a '*', the index of an array ("evidence.attention.layers.*.answer"): a row for each
 * index, which stands in `where` as `index`. */
enum status report_add_indexed(struct report *r, const struct experiment *e, const cJSON *items, const struct metric *metrics,
                               size_t n_metrics, const char *const *dimensions, const char *index, struct error *err);
/* The different combinations themselves: an array of objects, which the caller deletes. */
cJSON *report_places(const cJSON *items, const char *const *dimensions);

#endif
