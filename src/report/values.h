/* values.h - the numbers behind a metric: what a field holds in the results of the items that a row is about. */
#ifndef DIFFTF_REPORT_VALUES_H
#define DIFFTF_REPORT_VALUES_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/* Does the item agree with `where` in every dimension that both have? */
bool values_match(const cJSON *item, const cJSON *where);

/* The item of another report with the same id; NULL when there is none. *next guesses where it is: reports of one plan have their
 * items in one order. */
const cJSON *values_partner(const cJSON *items, const cJSON *item, const cJSON **next);

/* Numbers of two sources for the same items, in order; y is NULL when one source was asked for. */
struct values {
    double *x, *y;
    size_t n, capacity;
};

/* Appends the numbers that `field` leads to in item->results[model]; with another item (paired by the caller) or model, pairs of
 * numbers; an array counts number by number. What is no number, or has no partner, is left out. */
bool values_add(struct values *v, const cJSON *item, const char *model, const cJSON *other_item, const char *other_model,
                const char *field);
void values_free(struct values *v);

#endif
