/* compare.c - compare: paired differences between two reports, or two models of one. */
#include "report/compare.h"

#include "base/visible.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "report/tidy.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {
    {"models", OPTION_STRING, NULL, 0, 0, "A,B",
     "which model of A, the baseline, and which of B (default: of one report its baseline and the last; of two, as named)", false,
     0},
    ROWS_OPTIONS,
    {"seed", OPTION_INT, "1", 0, 2147483647, "N", "of the bootstrap", false, 0},
    OPTIONS_END,
};

static bool same_pair(const cJSON *a, const cJSON *b)
{
    return json_same_text(a, b, "model") && json_same_text(a, b, "baseline");
}

static void add_row(struct grid *g, const cJSON *row, bool words)
{
    struct text name = {0};
    double largest = fmax(fabs(json_real(row, "value")), fabs(json_real(row, "baseline_value"))), n = json_real(row, "n");
    if (words)
        words_metric(&name, json_text(row, "name"));
    else
        text_puts(&name, json_text(row, "name"));
    text_puts(&name, json_path(row, "where")->child ? ", " : "");
    (words ? words_where : where_text)(&name, json_path(row, "where"));
    grid_add(g, "%s", name.data);
    figure_cell(g, json_real(row, "value"), largest, false);
    figure_cell(g, json_real(row, "baseline_value"), largest, false);
    figure_cell(g, json_real(row, "difference"), largest, true);
    interval_cell(g, row, largest);
    p_cell(g, json_real(row, "p_value"));
    text_free(&name);
    text_printf(&name, "%.0f", n);
    grid_add_figure(g, name.data, &n, 1);
    text_free(&name);
    grid_add(g, "%s", cJSON_IsTrue(json_path(row, "paired")) ? "yes" : "no");
}

/* Rows of report_compare, a table for each two models. */
static enum status fill_tables(struct tables *t, const cJSON *rows, struct error *err)
{
    static const char *const head[] = {"metric", "value", "baseline", "difference", "95% interval", "p", "n", "paired"};
    enum { COLUMNS = sizeof head / sizeof *head };
    const cJSON *row, *before = NULL;
    cJSON_ArrayForEach(row, rows)
    {
        if (before == NULL || !same_pair(row, before)) {
            struct text title = {0};
            if (!mem_grow((void **)&t->all, &t->capacity, t->n + 1, sizeof *t->all))
                return error_set(err, ERR_SYSTEM, "compare: out of memory");
            visible_text(&title, json_text(row, "model"), true);
            text_puts(&title, " - ");
            visible_text(&title, json_text(row, "baseline"), true);
            t->all[t->n++] = (struct table){.title = title.data, .grid = {.columns = COLUMNS}};
            for (size_t i = 0; i < COLUMNS; i++)
                grid_add(&t->all[t->n - 1].grid, "%s", head[i]);
        }
        add_row(&t->all[t->n - 1].grid, row, t->words);
        before = row;
    }
    return OK;
}

static const char *last_model(const cJSON *report)
{
    const cJSON *models = json_path(report, "models");
    return json_text(cJSON_GetArrayItem(models, cJSON_GetArraySize(models) - 1), "name");
}

static bool has_model(const cJSON *report, const char *name)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        if (strcmp(json_text(m, "name"), name) == 0)
            return true;
    }
    return false;
}

/* Which model of a against which of b: --models, or names in both, or the only ones. */
static enum status compare_reports(cJSON *rows, const cJSON *a, const cJSON *b, const cJSON *options, struct error *err)
{
    uint64_t seed = (uint64_t)option_number(options, "seed");
    const char *models = option_string(options, "models"), *comma = models ? strchr(models, ',') : NULL;
    const cJSON *m;
    enum status status = OK;
    if (models != NULL) {
        char first[256];
        if (comma == NULL || comma - models >= (ptrdiff_t)sizeof first)
            return error_set(err, ERR_USAGE, "--models: '%.60s' is wrong, expected two names, A,B", models);
        snprintf(first, sizeof first, "%.*s", (int)(comma - models), models);
        if (!has_model(a, first) || !has_model(b, comma + 1))
            return error_set(err, ERR_USAGE, "--models: the report has no model '%.60s', expected one of its models",
                             has_model(a, first) ? comma + 1 : first);
        return report_compare(rows, b, comma + 1, a, first, seed, err);
    }
    if (a == b) {
        const char *base = json_text(json_path(a, "comparisons"), "0.baseline");
        return report_compare(rows, a, last_model(a), a, base ? base : json_text(a, "models.0.name"), seed, err);
    }
    cJSON_ArrayForEach(m, json_path(a, "models"))
    {
        if (status == OK && has_model(b, json_text(m, "name")))
            status = report_compare(rows, b, json_text(m, "name"), a, json_text(m, "name"), seed, err);
    }
    if (status == OK && rows->child == NULL)
        status = report_compare(rows, b, last_model(b), a, last_model(a), seed, err);
    return status;
}

/* The two reports, or one twice; *b is to be freed where it is another. */
static enum status read_two(cJSON **a, cJSON **b, const cJSON *paths, struct error *err)
{
    int n = cJSON_GetArraySize(paths);
    if (n != 1 && n != 2)
        return error_set(err, ERR_USAGE, "compare: %d reports given, expected one (its models) or two", n);
    enum status status = report_read(a, paths->child->valuestring, err);
    if (status != OK || n == 1) {
        *b = *a;
        return status;
    }
    status = report_read(b, paths->child->next->valuestring, err);
    if (status == OK && cJSON_Compare(json_path(*a, "items"), json_path(*b, "items"), true) &&
        cJSON_Compare(json_path(*a, "run"), json_path(*b, "run"), true))
        status = error_set(err, ERR_USAGE, "compare: %s and %s are one report, expected two different ones, or one alone",
                           paths->child->valuestring, paths->child->next->valuestring);
    return status;
}

static enum status print_rows(const cJSON *rows, const cJSON *options, struct error *err)
{
    struct tables tables = rows_tables(options);
    if (rows_are_csv(options)) {
        rows_print_csv(tidy_comparisons, rows);
        return OK;
    }
    enum status status = fill_tables(&tables, rows, err);
    if (status == OK)
        rows_print(&tables, options);
    tables_free(&tables);
    return status;
}

static enum status compare(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *a = NULL, *b = NULL, *rows = cJSON_CreateArray(), *lists[] = {rows, NULL};
    enum status status = read_two(&a, &b, arguments, err);
    if (status == OK)
        status = compare_reports(rows, a, b, options, err);
    if (status == OK && rows->child == NULL)
        status = error_set(err, ERR_INPUT, "compare: the two have no metric at the same place in common, expected the same task");
    if (status == OK)
        status = rows_keep(lists, options, err);
    if (status == OK && a != b && rows_are_text(options))
        say(stdout, "baseline A: %s\n         B: %s\ndifferences are B - A%s\n\n", arguments->child->valuestring,
            arguments->child->next->valuestring, report_same_data(a, b) ? "" : "; their data differ, so nothing is paired");
    if (status == OK)
        status = print_rows(rows, options, err);
    if (a != b)
        cJSON_Delete(b);
    cJSON_Delete(a);
    cJSON_Delete(rows);
    return status;
}

const struct command COMMAND_COMPARE = {"compare", "A [B]", "paired differences between two reports, or two models of one",
                                        OPTIONS, compare};
