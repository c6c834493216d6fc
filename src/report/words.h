/* words.h - what the names in a report are called for people: metrics, dimensions, sizes. */
#ifndef DIFFTF_REPORT_WORDS_H
#define DIFFTF_REPORT_WORDS_H

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <stddef.h>

/* Of a metric, or of a series: "acc_norm" is "accuracy, by a character"; what is not known loses its underscores. */
void words_metric(struct text *out, const char *name);
/* Of one dimension at a value: "6 needles", "depth 50 %", "4 bits"; the value alone where the axis says the rest. */
void words_dimension(struct text *out, const char *name, const cJSON *value);
void words_value(struct text *out, const cJSON *value);
/* An axis: "depth of the asked needles, %". */
const char *words_axis(const char *name);
/* A place: "1,024 tokens, 6 needles, 2 asked for". */
void words_where(struct text *out, const cJSON *where);
/* Of a task: "needle: key information retrieval"; the name itself where it is not known. */
const char *words_task(const char *name);
/* 1,024 and 2.84 million; whole numbers below a million in full. */
void words_count(struct text *out, double n);

#endif
