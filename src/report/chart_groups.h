/* chart_groups.h - which rows of a report go into one picture: those of one place. */
#ifndef DIFFTF_REPORT_CHART_GROUPS_H
#define DIFFTF_REPORT_CHART_GROUPS_H

#include <cjson/cJSON.h>

/* Series of the view's name, or of several ("fit,loss"), an array for each place; those without points are left out. The caller
 * deletes what these return. */
cJSON *chart_group_series(const cJSON *report, const cJSON *view);
/* {rest, names: of metrics, x: values, y: values, rows: copies} for every place of the rows of the view's metric or metrics that
 * have its dimensions x and y; the values in order. */
cJSON *chart_group_metrics(const cJSON *report, const cJSON *view);
/* The same for several metrics, "attention_first,attention_before": one value of the dimension `part` each. Of each metric the
 * rows with the fewest dimensions count: those over all depths and layers. */
cJSON *chart_group_parts(const cJSON *report, const cJSON *view);

#endif
