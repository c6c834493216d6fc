/* table.c - table: the rows of reports for people and for other programs. */
#include "base/terminal.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "report/average.h"
#include "report/compare.h"
#include "report/tidy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_notes(const cJSON *report)
{
    const cJSON *note;
    cJSON_ArrayForEach(note, json_path(report, "notes")) say(stdout, "note: %s\n", cJSON_GetStringValue(note));
}

enum status cli_print_report(const cJSON *report, const char *path, struct error *err)
{
    struct tables tables = {.words = true, .width = (size_t)terminal_columns(STDOUT_FILENO)};
    struct text out = {0};
    enum status status = tables_from_report(&tables, report, false, err);
    if (status == OK) {
        table_writer_find("text")(&out, &tables);
        fputs(out.data ? out.data : "", stdout);
        print_notes(report);
        say(stdout, "report: %s\n", path);
        text_free(&out);
        tables_free(&tables);
    }
    return status;
}

static const struct option_spec OPTIONS[] = {
    ROWS_OPTIONS,
    {"all", OPTION_FLAG, NULL, 0, 0, NULL, "every metric, not only those shown after a run", false, 0},
    OPTIONS_END,
};

/* Drops the rows that --metric and --where leave out of all reports together. */
static enum status keep_wanted(const cJSON *reports, const cJSON *options, struct error *err)
{
    static const char *const names[] = {"metrics", "comparisons"};
    size_t n = 0;
    const cJSON *report;
    cJSON **lists = calloc(2 * (size_t)cJSON_GetArraySize(reports) + 1, sizeof *lists);
    cJSON_ArrayForEach(report, reports)
    {
        for (size_t i = 0; i < 2; i++)
            if ((lists[n] = cJSON_GetObjectItemCaseSensitive(report, names[i])) != NULL)
                n++;
    }
    enum status status = rows_keep(lists, options, err);
    free(lists);
    return status;
}

static enum status print_report(const cJSON *report, const cJSON *options, struct error *err)
{
    struct tables tables = rows_tables(options);
    enum status status = tables_from_report(&tables, report, option_flag(options, "all") || json_has(options, "metric"), err);
    if (status == OK)
        rows_print(&tables, options);
    if (status == OK && rows_are_text(options))
        print_notes(report);
    tables_free(&tables);
    return status;
}

static enum status read_reports(cJSON *reports, const cJSON *paths, struct error *err)
{
    const cJSON *path;
    enum status status = paths->child ? OK : error_set(err, ERR_USAGE, "table: no report given, expected one or more files");
    cJSON_ArrayForEach(path, paths)
    {
        cJSON *one = NULL;
        if (status == OK)
            status = report_read(&one, path->valuestring, err);
        if (status == OK)
            cJSON_AddItemToArray(reports, one);
    }
    return status;
}

static enum status table(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const cJSON *report;
    cJSON *reports = cJSON_CreateArray(), *averages = NULL;
    enum status status = read_reports(reports, arguments, err);
    if (status == OK && !rows_are_csv(options)) {
        averages = reports_average(reports);
        while (averages != NULL && averages->child != NULL)
            cJSON_AddItemToArray(reports, cJSON_DetachItemFromArray(averages, 0));
    }
    if (status == OK)
        status = keep_wanted(reports, options, err);
    if (status == OK && rows_are_csv(options))
        rows_print_csv(tidy_metrics, reports);
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK && !rows_are_csv(options))
            status = print_report(report, options, err);
    }
    cJSON_Delete(reports);
    cJSON_Delete(averages);
    return status;
}

const struct command COMMAND_TABLE = {
    "table", "REPORT...", "tables of reports, and of several sets with their average: text, Markdown, CSV, LaTeX, JSON", OPTIONS,
    table};
