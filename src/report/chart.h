/* chart.h - pictures of a report as inline SVG: what each kind of view draws. */
#ifndef DIFFTF_REPORT_CHART_H
#define DIFFTF_REPORT_CHART_H

#include "base/memory.h"
#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Appends the figures of one view of the report, one for each place ("length 1024, needles 1"); *n counts them. A view of a kind
 * that is no picture, or without data, adds none. */
enum status charts_from_view(struct text *out, const cJSON *report, const cJSON *view, size_t *n, struct error *err);

#endif
