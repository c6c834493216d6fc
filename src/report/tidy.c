/* tidy.c - see tidy.h. */
#include "report/tidy.h"

#include "formats/json.h"
#include "report/escape.h"

#include <math.h>
#include <string.h>

/* A column and the path of its value in a row. */
struct column {
    const char *head, *path;
};
static const struct column METRIC[] = {{"metric", "name"}, {"model", "model"}, {NULL, NULL}};
static const struct column METRIC_VALUES[] = {{"value", "value"}, {"low", "ci.0"}, {"high", "ci.1"}, {"n", "n"}, {NULL, NULL}};
static const struct column PAIR[] = {{"metric", "name"}, {"model", "model"}, {"baseline", "baseline"}, {NULL, NULL}};
static const struct column PAIR_VALUES[] = {{"value", "value"},
                                            {"baseline_value", "baseline_value"},
                                            {"difference", "difference"},
                                            {"low", "ci.0"},
                                            {"high", "ci.1"},
                                            {"p_value", "p_value"},
                                            {"n", "n"},
                                            {"paired", "paired"},
                                            {NULL, NULL}};

static void add_cell(struct text *out, const cJSON *value, bool first)
{
    text_puts(out, first ? "" : ",");
    if (cJSON_IsNumber(value) && isfinite(value->valuedouble))
        text_printf(out, "%.9g", value->valuedouble);
    else if (cJSON_IsString(value))
        csv_text(out, value->valuestring);
    else if (cJSON_IsBool(value))
        text_puts(out, cJSON_IsTrue(value) ? "true" : "false");
}

/* The names of the dimensions that rows have, in the order in which they come. */
static void add_dimensions(cJSON *dimensions, const cJSON *rows)
{
    const cJSON *row, *d;
    cJSON_ArrayForEach(row, rows) cJSON_ArrayForEach(d, json_path(row, "where"))
    {
        if (!cJSON_HasObjectItem(dimensions, d->string))
            cJSON_AddNullToObject(dimensions, d->string);
    }
}

static void add_heads(struct text *out, const struct column *before, const cJSON *dimensions, const struct column *after)
{
    const cJSON *d;
    for (const struct column *c = before; c->head != NULL; c++)
        text_printf(out, ",%s", c->head);
    cJSON_ArrayForEach(d, dimensions)
    {
        text_puts(out, ",");
        csv_text(out, strcmp(d->string, "task") == 0 ? "set" : d->string);
    }
    for (const struct column *c = after; c->head != NULL; c++)
        text_printf(out, ",%s", c->head);
    text_puts(out, "\n");
}

static void add_rows(struct text *out, const char *task, const cJSON *rows, const struct column *before, const cJSON *dimensions,
                     const struct column *after)
{
    const cJSON *row, *d;
    cJSON_ArrayForEach(row, rows)
    {
        if (task != NULL)
            csv_text(out, task);
        for (const struct column *c = before; c->head != NULL; c++)
            add_cell(out, json_path(row, c->path), c == before && task == NULL);
        cJSON_ArrayForEach(d, dimensions)
            add_cell(out, cJSON_GetObjectItemCaseSensitive(json_path(row, "where"), d->string), false);
        for (const struct column *c = after; c->head != NULL; c++)
            add_cell(out, json_path(row, c->path), false);
        text_puts(out, "\n");
    }
}

void tidy_metrics(struct text *out, const cJSON *reports)
{
    cJSON *dimensions = cJSON_CreateObject();
    const cJSON *report;
    cJSON_ArrayForEach(report, reports) add_dimensions(dimensions, json_path(report, "metrics"));
    text_puts(out, "task");
    add_heads(out, METRIC, dimensions, METRIC_VALUES);
    cJSON_ArrayForEach(report, reports)
        add_rows(out, json_text(report, "task"), json_path(report, "metrics"), METRIC, dimensions, METRIC_VALUES);
    cJSON_Delete(dimensions);
}

void tidy_comparisons(struct text *out, const cJSON *rows)
{
    cJSON *dimensions = cJSON_CreateObject();
    struct text heads = {0};
    add_dimensions(dimensions, rows);
    add_heads(&heads, PAIR, dimensions, PAIR_VALUES);
    text_puts(out, heads.data + 1); /* without the comma of a column before them */
    add_rows(out, NULL, rows, PAIR, dimensions, PAIR_VALUES);
    text_free(&heads);
    cJSON_Delete(dimensions);
}
