/* tidy.h - the rows of reports as one CSV table, for programs: a row each, numbers as numbers, an empty cell where there is none.
 */
#ifndef DIFFTF_REPORT_TIDY_H
#define DIFFTF_REPORT_TIDY_H

#include "base/memory.h"

#include <cjson/cJSON.h>

/* task,metric,model,<every dimension of any row>,value,low,high,n of all metrics of an array of reports. The dimension `task`,
 * the name of a data set, is the column `set`. */
void tidy_metrics(struct text *out, const cJSON *reports);
/* metric,model,baseline,<dimensions>,value,baseline_value,difference,low,high,p_value,n,paired of report_compare's rows. */
void tidy_comparisons(struct text *out, const cJSON *rows);

#endif
