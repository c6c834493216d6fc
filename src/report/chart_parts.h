/* chart_parts.h - what the kinds of pictures share; see chart.h. */
#ifndef DIFFTF_REPORT_CHART_PARTS_H
#define DIFFTF_REPORT_CHART_PARTS_H

#include "report/plot.h"

#include <cjson/cJSON.h>

/* The pictures of one view: what is compared has one scale, so each knows the others. */
struct chart {
    struct text *out;
    const cJSON *report, *view;
    const cJSON *groups; /* array: one picture, or one panel, each (chart_groups.h) */
};

/* One picture of a group. */
void chart_curves(const struct chart *c, const cJSON *group);
void chart_bars(const struct chart *c, const cJSON *group);
void chart_heatmap(const struct chart *c, const cJSON *group);
/* One picture of all groups: each model's best, worst and every value between them. */
void chart_ranges(const struct chart *c);

/* Of the report's models: its place, which decides on colour and mark. */
size_t chart_model(const cJSON *report, const char *name);
size_t chart_n_models(const cJSON *report);
/* <figure> with a caption that says of what place it is. class: NULL, "pair" (two columns wide) or "wide" (all of them). */
void chart_open(struct text *out, const char *title, const cJSON *where, const char *class);
void chart_legend(struct text *out, const cJSON *report);
/* The figures of the view, folded away; ends the figure. */
void chart_close(const struct chart *c, const cJSON *view);
/* Accuracies and shares are drawn from 0 to 1; others from what they hold. */
void chart_scale(struct axis *a, const char *name);
/* Dashed lines at the report's references for `name` that hold at a place: chance, the most frequent label. */
void chart_references(const struct chart *c, struct plot *p, const char *name, const cJSON *where);
/* What they are, as a line below the picture. */
void chart_reference_words(const struct chart *c, const char *name, const cJSON *where);
/* ": 0.85 [0.7, 0.9]" */
void chart_value_text(struct text *out, double value, double low, double high);
/* A mark that is told from others without colour: a circle, square, diamond, triangle. */
void chart_mark(struct plot *p, size_t model, double x, double y, const char *tip);

#endif
