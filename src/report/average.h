/* average.h - the average over data sets, as the paper's tables of several sets have it. */
#ifndef DIFFTF_REPORT_AVERAGE_H
#define DIFFTF_REPORT_AVERAGE_H

#include <cjson/cJSON.h>

/* For each task of which the reports (an array) hold several sets - rows whose place has a `task`, the set's name - a report of
 * its own, to be shown beside them: the headline metrics of every set, marked `copied`, and their average at the place without
 * `task`, for the models (and pairs of models) that were run on all of these sets. Every set counts the same; the interval is
 * that of a mean of independent strata, within which the set's documents are the units. A set that comes twice counts once. The
 * array is the caller's to delete. */
cJSON *reports_average(const cJSON *reports);

#endif
