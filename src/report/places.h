/* places.h - metrics over the places that items have: a row for each, without a loop for each dimension. */
#ifndef DIFFTF_REPORT_PLACES_H
#define DIFFTF_REPORT_PLACES_H

#include "report/report.h"

/* Adds each metric at every different combination of the dimensions (NULL-ended names of an item's `where`) that the items have,
 * in the order in which they come. Items that lack one of the dimensions take no part. */
enum status report_add_places(struct report *r, const cJSON *items, const struct metric *metrics, size_t n_metrics,
                              const char *const *dimensions, struct error *err);
/* The same for metrics whose field holds a '*', the index of an array ("evidence.attention.layers.*.answer"): a row for each
 * index, which stands in `where` as `index`. */
enum status report_add_indexed(struct report *r, const cJSON *items, const struct metric *metrics, size_t n_metrics,
                               const char *const *dimensions, const char *index, struct error *err);
/* Chance on items of several choices as a reference of the metric `name`, at each combination of the dimensions: the mean of
 * 1 / choices, which are as many as the array `field` of a result has members. */
void report_add_chance(struct report *r, const cJSON *items, const char *name, const char *field, const char *const *dimensions);
/* The different combinations themselves: an array of objects, which the caller deletes. */
cJSON *report_places(const cJSON *items, const char *const *dimensions);

#endif
