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

enum status report_init(struct report *r, const struct experiment *e, struct error *err);
void report_free(struct report *r);

/* A metric of the items [n] that `field` names in their results (see result_number), for every model, and the comparison of each
 * with the baseline; `where` is copied. A proportion gets a Wilson interval, anything else Student's t. better: "higher", "lower"
 * or NULL. */
enum status report_add(struct report *r, const struct experiment *e, const char *name, const cJSON *const *items, size_t n,
                       const char *field, const cJSON *where, bool proportion, const char *better, struct error *err);

/* The row of a metric whose `where` has exactly the members of `where`; NULL when there is none. */
const cJSON *report_find(const cJSON *rows, const char *name, const char *model, const cJSON *where);

/* Adds the items and the `run` object and writes the document atomically; `items` is taken over. */
enum status report_write(struct report *r, const char *path, cJSON *items, cJSON *run, struct error *err);

#endif
