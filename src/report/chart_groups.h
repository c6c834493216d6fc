/* chart_groups.h - which rows of a report go into one picture: those of one place. */
#ifndef DIFFTF_REPORT_CHART_GROUPS_H
#define DIFFTF_REPORT_CHART_GROUPS_H

#include <cjson/cJSON.h>

/* Series of a name, an array for each place; those without points are left out. The caller deletes what these return. */
cJSON *chart_group_series(const cJSON *report, const char *name);
/* {rest, x: values, y: values, rows: copies} for every place of a metric's rows that have the dimensions x and y (NULL: none). */
cJSON *chart_group_metrics(const cJSON *report, const char *name, const char *x, const char *y);
/* The same for several metrics, "attention_first,attention_before": one value of the dimension `part` each. Of each metric the
 * rows with the fewest dimensions count: those over all depths and layers. */
cJSON *chart_group_parts(const cJSON *report, const char *names);

#endif
