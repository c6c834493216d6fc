/* table.h - tables from a report, generic over its metrics: what `views` names, or every metric. */
#ifndef DIFFTF_REPORT_TABLE_H
#define DIFFTF_REPORT_TABLE_H

#include "base/status.h"
#include "report/grid.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

struct table {
    char *title;      /* the dimensions that all cells share; "" when there are none */
    struct grid grid; /* the first row is the header */
};

struct tables {
    struct table *all;
    size_t n, capacity;
    bool words;   /* set before they are filled: names and places in words (words.h), not as the report has them */
    size_t width; /* what a line of text may have, 0: no limit */
};

/* The tables of the report's views, or with `every` one table of every metric. */
enum status tables_from_report(struct tables *t, const cJSON *report, bool every, struct error *err);
/* The tables that show the metric or metrics (comma-separated) of one view. */
enum status tables_from_view(struct tables *t, const cJSON *report, const cJSON *view, struct error *err);
void tables_free(struct tables *t);

/* Writes them; NULL when the format is none of text, markdown, latex, json (CSV is one table of rows: tidy.h). */
typedef void table_writer(struct text *out, const struct tables *t);
table_writer *table_writer_find(const char *format);

/* A figure, and an interval's ends, as cells: with the decimals of figure_text. */
void figure_cell(struct grid *g, double value, double largest, bool sign);
void interval_cell(struct grid *g, const cJSON *row, double largest);
void p_cell(struct grid *g, double p);
/* "length 1024, needles 6" */
void where_text(struct text *out, const cJSON *where);
/* With as many decimals as a table whose largest figure is `largest` needs. */
void figure_text(struct text *out, double value, double largest, bool sign);

#endif
