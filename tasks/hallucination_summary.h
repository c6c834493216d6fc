/* hallucination_summary.h - what the hallucination task makes of its items. */
#ifndef DIFFTF_TASKS_HALLUCINATION_SUMMARY_H
#define DIFFTF_TASKS_HALLUCINATION_SUMMARY_H

#include "report/report.h"

/* accuracy (the share that is free of hallucination), empty, unparsed, support and the lookback ratio by form; with `agreement`
 * how far the judge agrees with people instead. */
enum status hallucination_summarize(const cJSON *items, bool agreement, struct report *r, struct error *err);

#endif
