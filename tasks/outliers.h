/* outliers.h - what the outlier task makes of the sketches that its items hold. */
#ifndef DIFFTF_TASKS_OUTLIERS_H
#define DIFFTF_TASKS_OUTLIERS_H

#include "report/report.h"

/* top_1 .. top_100, median, kurtosis of each activation, over all layers and by layer, with bootstrap intervals over the groups
 * of tokens; the massive ones with their places; histograms. */
enum status outliers_summarize(const cJSON *items, struct report *r, struct error *err);

#endif
