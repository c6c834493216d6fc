/* report_commands.c - table, compare, check: what is made from finished reports. */
#include "base/file.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "cli/stored.h"
#include "report/average.h"
#include "report/compare.h"
#include "report/page.h"
#include "report/report.h"
#include "report/table.h"
#include "report/tidy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_tables(table_writer *writer, const struct tables *tables)
{
    struct text out = {0};
    writer(&out, tables);
    fputs(out.data ? out.data : "", stdout);
    text_free(&out);
}

static void print_csv(void (*write)(struct text *, const cJSON *), const cJSON *of)
{
    struct text out = {0};
    write(&out, of);
    fputs(out.data, stdout);
    text_free(&out);
}

static void print_notes(const cJSON *report)
{
    const cJSON *note;
    cJSON_ArrayForEach(note, json_path(report, "notes")) say(stdout, "note: %s\n", cJSON_GetStringValue(note));
}

enum status cli_print_report(const cJSON *report, const char *path, struct error *err)
{
    struct tables tables = {0};
    enum status status = tables_from_report(&tables, report, false, err);
    if (status == OK) {
        print_tables(table_writer_find("text"), &tables);
        print_notes(report);
        say(stdout, "report: %s\n", path);
        tables_free(&tables);
    }
    return status;
}

/* table */

static const struct option_spec TABLE_OPTIONS[] = {
    {"format", OPTION_CHOICE, "text", 0, 0, "text|markdown|csv|latex|json", "how the table is written", false, 0},
    {"all", OPTION_FLAG, NULL, 0, 0, NULL, "every metric, not only those shown after a run", false, 0},
    {"metric", OPTION_STRINGS, NULL, 0, 0, "NAME", "these metrics alone; repeatable", false, 0},
    {"where", OPTION_STRINGS, NULL, 0, 0, "NAME=VALUE", "rows of this setting alone, e.g. length=1024; repeatable", false, 0},
    OPTIONS_END,
};

/* Does `where` have NAME=VALUE? */
static bool is_at(const cJSON *where, const char *wanted)
{
    const cJSON *member;
    struct text text = {0};
    bool found = false;
    cJSON_ArrayForEach(member, where)
    {
        text.len = 0;
        text_printf(&text, cJSON_IsNumber(member) ? "%s=%.9g" : "%s=", member->string, member->valuedouble);
        if (cJSON_IsString(member))
            text_puts(&text, member->valuestring);
        found = found || strcmp(text.data, wanted) == 0;
    }
    text_free(&text);
    return found;
}

static bool is_wanted(const cJSON *row, const cJSON *options)
{
    const cJSON *item, *metrics = json_path(options, "metric");
    bool named = metrics == NULL;
    cJSON_ArrayForEach(item, metrics) named = named || strcmp(item->valuestring, json_text(row, "name")) == 0;
    cJSON_ArrayForEach(item, json_path(options, "where")) named = named && is_at(json_path(row, "where"), item->valuestring);
    return named;
}

/* Drops the rows that --metric and --where leave out; an error when that is all of them. */
static enum status keep_wanted(const cJSON *report, const cJSON *options, struct error *err)
{
    if (!json_has(options, "metric") && !json_has(options, "where"))
        return OK;
    static const char *const lists[] = {"metrics", "comparisons"};
    size_t kept = 0;
    for (size_t l = 0; l < 2; l++) {
        cJSON *rows = cJSON_GetObjectItemCaseSensitive(report, lists[l]);
        for (cJSON *row = rows ? rows->child : NULL, *next; row != NULL; row = next) {
            next = row->next;
            if (is_wanted(row, options))
                kept++;
            else
                cJSON_Delete(cJSON_DetachItemViaPointer(rows, row));
        }
    }
    return kept > 0 ? OK
                    : error_set(err, ERR_USAGE,
                                "table: no row is left by --metric and --where, expected names that `table --all` shows");
}

static enum status print_report(const cJSON *report, const cJSON *options, struct error *err)
{
    table_writer *writer = table_writer_find(option_string(options, "format"));
    struct tables tables = {0};
    enum status status = tables_from_report(&tables, report, option_flag(options, "all") || json_has(options, "metric"), err);
    if (status == OK)
        print_tables(writer, &tables);
    if (status == OK && writer == table_writer_find("text"))
        print_notes(report);
    tables_free(&tables);
    return status;
}

static enum status table(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const cJSON *path, *report;
    cJSON *reports = cJSON_CreateArray(), *averages = NULL;
    enum status status = OK;
    if (arguments->child == NULL)
        status = error_set(err, ERR_USAGE, "table: no report given, expected one or more files");
    cJSON_ArrayForEach(path, arguments)
    {
        cJSON *one = NULL;
        if (status == OK)
            status = report_read(&one, path->valuestring, err);
        if (status == OK)
            cJSON_AddItemToArray(reports, one);
    }
    bool csv = strcmp(option_string(options, "format"), "csv") == 0;
    if (status == OK && !csv)
        averages = reports_average(reports);
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = keep_wanted(report, options, err);
        if (status == OK && !csv)
            status = print_report(report, options, err);
    }
    if (status == OK && csv)
        print_csv(tidy_metrics, reports);
    cJSON_ArrayForEach(report, averages)
    {
        if (status == OK)
            status = keep_wanted(report, options, err);
        if (status == OK)
            status = print_report(report, options, err);
    }
    cJSON_Delete(reports);
    cJSON_Delete(averages);
    return status;
}

const struct command COMMAND_TABLE = {
    "table", "REPORT...", "tables of reports, and of several sets with their average: text, Markdown, CSV, LaTeX, JSON",
    TABLE_OPTIONS, table};

/* compare */

static const struct option_spec COMPARE_OPTIONS[] = {
    {"models", OPTION_STRING, NULL, 0, 0, "A,B",
     "which model of A, the baseline, and which of B (default: of one report its baseline and the last; of two, as named)", false,
     0},
    {"format", OPTION_CHOICE, "text", 0, 0, "text|markdown|csv|latex|json", "how the table is written", false, 0},
    {"seed", OPTION_INT, "1", 0, 2147483647, "N", "of the bootstrap", false, 0},
    OPTIONS_END,
};

/* Rows of report_compare as one table. */
static enum status compare_table(struct tables *t, const cJSON *rows, struct error *err)
{
    static const char *const head[] = {"metric",        "models", "value", "baseline", "difference",
                                       "95 % interval", "p",      "n",     "paired"};
    enum { COLUMNS = sizeof head / sizeof *head };
    const cJSON *row;
    t->all = calloc(1, sizeof *t->all);
    if (t->all == NULL)
        return error_set(err, ERR_SYSTEM, "compare: out of memory");
    t->n = 1;
    t->all[0].title = strdup("");
    struct grid *g = &t->all[0].grid;
    g->columns = COLUMNS;
    for (size_t i = 0; i < COLUMNS; i++)
        grid_add(g, "%s", head[i]);
    cJSON_ArrayForEach(row, rows)
    {
        struct text name = {0};
        text_printf(&name, "%s%s", json_text(row, "name"), json_path(row, "where")->child ? ", " : "");
        where_text(&name, json_path(row, "where"));
        grid_add(g, "%s", name.data);
        grid_add(g, "%s - %s", json_text(row, "model"), json_text(row, "baseline"));
        grid_add(g, "%.5g", json_real(row, "value"));
        grid_add(g, "%.5g", json_real(row, "baseline_value"));
        grid_add(g, "%+.4g", json_real(row, "difference"));
        if (isfinite(json_real(row, "ci.0")))
            grid_add(g, "[%.4g, %.4g]", json_real(row, "ci.0"), json_real(row, "ci.1"));
        else
            grid_add(g, "-");
        grid_add(g, "%.4f", json_real(row, "p_value"));
        grid_add(g, "%.0f", json_real(row, "n"));
        grid_add(g, "%s", cJSON_IsTrue(json_path(row, "paired")) ? "yes" : "no");
        text_free(&name);
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

static enum status compare(const cJSON *options, const cJSON *arguments, struct error *err)
{
    int n = cJSON_GetArraySize(arguments);
    cJSON *a = NULL, *b = NULL, *rows = cJSON_CreateArray();
    struct tables tables = {0};
    table_writer *writer = table_writer_find(option_string(options, "format"));
    enum status status = OK;
    if (n != 1 && n != 2)
        status = error_set(err, ERR_USAGE, "compare: %d reports given, expected one (its models) or two", n);
    if (status == OK)
        status = report_read(&a, arguments->child->valuestring, err);
    if (status == OK && n == 2)
        status = report_read(&b, arguments->child->next->valuestring, err);
    if (status == OK && n == 2 && cJSON_Compare(json_path(a, "items"), json_path(b, "items"), true) &&
        cJSON_Compare(json_path(a, "run"), json_path(b, "run"), true))
        status = error_set(err, ERR_USAGE, "compare: %s and %s are one report, expected two different ones, or one alone",
                           arguments->child->valuestring, arguments->child->next->valuestring);
    if (status == OK)
        status = compare_reports(rows, a, n == 2 ? b : a, options, err);
    if (status == OK && n == 2 && writer == table_writer_find("text")) {
        say(stdout, "baseline A: %s\n         B: %s\ndifferences are B - A%s\n\n", arguments->child->valuestring,
            arguments->child->next->valuestring, report_same_data(a, b) ? "" : "; their data differ, so nothing is paired");
    }
    if (status == OK && rows->child == NULL)
        status = error_set(err, ERR_INPUT, "compare: the two have no metric at the same place in common, expected the same task");
    bool csv = strcmp(option_string(options, "format"), "csv") == 0;
    if (status == OK && csv)
        print_csv(tidy_comparisons, rows);
    if (status == OK && !csv)
        status = compare_table(&tables, rows, err);
    if (status == OK && !csv)
        print_tables(writer, &tables);
    tables_free(&tables);
    cJSON_Delete(a);
    cJSON_Delete(b);
    cJSON_Delete(rows);
    return status;
}

const struct command COMMAND_COMPARE = {"compare", "A [B]", "paired differences between two reports, or two models of one",
                                        COMPARE_OPTIONS, compare};

/* check */

static const struct option_spec CHECK_OPTIONS[] = {
    {"against", OPTION_STRING, NULL, 0, 0, "BASELINE", "a report that must not be better", false, 0},
    {"expect", OPTION_STRING, NULL, 0, 0, "RULES", "bounds in a YAML file", false, 0},
    {"alpha", OPTION_NUMBER, "0.05", 1e-6, 0.5, "P", "against: how often the check of two equal models may fail", false, 0},
    {"tolerance", OPTION_NUMBER, "0", 0, 1e9, "X", "against: worse by so much is allowed", false, 0},
    {"all", OPTION_FLAG, NULL, 0, 0, NULL, "against: every metric, not only those of the task's first table", false, 0},
    {"junit", OPTION_STRING, NULL, 0, 0, "FILE", "also write JUnit XML", false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "print failures only", false, 0},
    OPTIONS_END,
};

static enum status check_report(struct checks *c, const cJSON *options, const char *path, struct error *err)
{
    const char *against = option_string(options, "against"), *expect = option_string(options, "expect");
    cJSON *report = NULL, *baseline = NULL, *rules = NULL;
    enum status status = report_read(&report, path, err);
    if (status == OK && against != NULL)
        status = report_read(&baseline, against, err);
    if (status == OK && against != NULL)
        status = check_against(c, report, baseline,
                               &(struct check_level){option_number(options, "alpha"), option_number(options, "tolerance"),
                                                     option_flag(options, "all")},
                               err);
    if (status == OK && expect != NULL)
        status = yaml_read(&rules, expect, err);
    if (status == OK && expect != NULL)
        status = check_rules(c, report, rules, expect, err);
    cJSON_Delete(report);
    cJSON_Delete(baseline);
    cJSON_Delete(rules);
    return status;
}

static enum status check(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct checks c = {.results = cJSON_CreateArray()};
    const cJSON *path, *result;
    const char *junit = option_string(options, "junit");
    enum status status = OK;
    if (arguments->child == NULL)
        status = error_set(err, ERR_USAGE, "check: no report given, expected one or more files");
    if (status == OK && option_string(options, "against") == NULL && option_string(options, "expect") == NULL)
        status = error_set(err, ERR_USAGE, "check: nothing to check by, expected --against BASELINE.json or --expect RULES.yaml");
    cJSON_ArrayForEach(path, arguments)
    {
        if (status == OK)
            status = check_report(&c, options, path->valuestring, err);
    }
    if (status == OK && junit != NULL)
        status = checks_write_junit(&c, junit, err);
    size_t n = (size_t)cJSON_GetArraySize(c.results);
    for (int passed = 0; status == OK && passed < (option_flag(options, "quiet") || c.failed == 0 ? 1 : 2); passed++)
        cJSON_ArrayForEach(result, c.results) /* what failed comes first */
        {
            if (cJSON_IsTrue(json_path(result, "passed")) == (passed == 1))
                say(stdout, "%s  %s: %s\n", passed ? "ok  " : "FAIL", json_text(result, "name"), json_text(result, "says"));
        }
    if (status == OK && c.failed == 0)
        say(stdout, "all %zu checks hold\n", n);
    else if (status == OK)
        say(stdout, "%zu checks, %zu failed\n", n, c.failed);
    if (status == OK && c.failed > 0)
        status = error_set(err, ERR_REGRESSION, "check: %zu of %zu checks failed", c.failed, n);
    cJSON_Delete(c.results);
    return status;
}

const struct command COMMAND_CHECK = {"check", "REPORT...", "fails when a report is worse than a baseline or breaks a rule",
                                      CHECK_OPTIONS, check};

/* report */

static const struct option_spec REPORT_OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "PAGE.html", "the page to write", false, 0},
    {"title", OPTION_STRING, "Transformer and Diff Transformer", 0, 0, "TEXT", "its title", false, 0},
    {"prompts", OPTION_INT, "0", 0, 1000, "N",
     "show the prompts of N items of each report, those first where models differ, from the models and data of the report", false,
     0},
    OPTIONS_END,
};

static enum status report(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const char *out = option_string(options, "out");
    if (arguments->child == NULL)
        return error_set(err, ERR_USAGE, "report: no report given, expected one or more files");
    if (out == NULL)
        return error_set(err, ERR_USAGE, "--out: is missing, expected the page to write, PAGE.html");
    cJSON *reports = cJSON_CreateArray(), *one;
    size_t prompts = option_size(options, "prompts");
    enum status status = page_read(reports, arguments, err);
    cJSON_ArrayForEach(one, reports)
    {
        if (status == OK && prompts > 0)
            status = stored_prompts(one, json_text(one, PAGE_SOURCE), prompts, err);
    }
    if (status == OK)
        status = page_write(out, option_string(options, "title"), reports, err);
    cJSON_Delete(reports);
    if (status == OK)
        say(stdout, "page: %s\n", out);
    return status;
}

const struct command COMMAND_REPORT = {"report", "REPORT...", "one self-contained HTML page", REPORT_OPTIONS, report};
