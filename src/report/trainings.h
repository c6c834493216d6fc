/* trainings.h - one report of the same evaluation of several trainings, whose unit is the training. */
#ifndef DIFFTF_REPORT_TRAININGS_H
#define DIFFTF_REPORT_TRAININGS_H

#include "base/status.h"

#include <cjson/cJSON.h>

/* Reports (an array, `paths` their names in messages) of one task, with the same options and names of models, each of models
 * trained with another seed: a row's value is the mean over them, its interval Student's, its n their number, and a comparison's
 * p-value that of the paired t test - what trainings differ by says more than what items do. Rows that not all have are left out.
 * The caller deletes *out. ERR_INPUT: they are not of one evaluation, or weights stand there twice. */
enum status trainings_report(cJSON **out, const cJSON *reports, const char *const *paths, struct error *err);

#endif
