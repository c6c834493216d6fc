/* begin_report.h - the report of an experiment, before it has rows. */
#ifndef DIFFTF_CLI_BEGIN_REPORT_H
#define DIFFTF_CLI_BEGIN_REPORT_H

#include "report/report.h"
#include "suite/experiment.h"

/* Options, models, data, notes, the task's views, and the digest of all that decides the results. */
enum status begin_report(struct report *r, const struct experiment *e, struct error *err);

#endif
