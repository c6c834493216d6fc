/* claims.c - `trainings`: one report of several trainings; `claims`: the paper's claims beside what reports say. */
#include "report/claims.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "report/compare.h"
#include "report/table.h"
#include "report/trainings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Reports as an array, and their paths; the caller frees both. */
static enum status read_all(cJSON **reports, const char ***paths, const cJSON *arguments, size_t least, struct error *err)
{
    size_t n = (size_t)cJSON_GetArraySize(arguments), i = 0;
    const cJSON *path;
    enum status status = OK;
    if (n < least)
        return error_set(err, ERR_USAGE, "arguments: %zu report%s, expected at least %zu", n, n == 1 ? "" : "s", least);
    *reports = cJSON_CreateArray();
    *paths = mem_array(n, sizeof **paths);
    cJSON_ArrayForEach(path, arguments)
    {
        cJSON *report = NULL;
        if (status == OK && (status = report_read(&report, path->valuestring, err)) == OK) {
            (*paths)[i++] = path->valuestring;
            cJSON_AddItemToArray(*reports, report);
        }
    }
    return status;
}

/* trainings */

static const struct option_spec TRAININGS_OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "the report to write", false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no tables", true, 0},
    OPTIONS_END,
};

static enum status trainings(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const char *out = option_string(options, "out"), **paths = NULL;
    cJSON *reports = NULL, *report = NULL;
    if (out == NULL)
        return error_set(err, ERR_USAGE, "--out: is missing, expected a file for the report");
    enum status status = read_all(&reports, &paths, arguments, 2, err);
    if (status == OK)
        status = trainings_report(&report, reports, paths, err);
    if (status == OK)
        status = json_write(out, report, err);
    if (status == OK && !option_flag(options, "quiet"))
        status = cli_print_report(report, out, err);
    cJSON_Delete(report);
    cJSON_Delete(reports);
    free(paths);
    return status;
}

const struct command COMMAND_TRAININGS = {"trainings", "REPORT...",
                                          "one report of the same evaluation of several trainings: the unit is the training",
                                          TRAININGS_OPTIONS, trainings};

/* claims */

static const struct option_spec CLAIMS_OPTIONS[] = {
    {"format", OPTION_CHOICE, "text", 0, 0, "text|markdown|latex|json", "how the table is written", false, 0},
    {"all", OPTION_FLAG, NULL, 0, 0, NULL, "every setting, not only the one that decides a claim", false, 0},
    OPTIONS_END,
};

static void figure(struct grid *g, double value, bool sign)
{
    struct text t = {0};
    figure_text(&t, value, value, sign);
    grid_add(g, "%s", t.data);
    text_free(&t);
}

static void add_setting(struct grid *g, const cJSON *claim, const cJSON *s)
{
    struct text difference = {0};
    double largest = fmax(fabs(json_real(s, "difference")), 0), low = json_real(s, "ci.0"), high = json_real(s, "ci.1");
    figure_text(&difference, json_real(s, "difference"), largest, true);
    if (isfinite(low)) {
        text_puts(&difference, " [");
        figure_text(&difference, low, largest, true);
        text_puts(&difference, ", ");
        figure_text(&difference, high, largest, true);
        text_puts(&difference, "]");
    }
    grid_add(g, "%s", claim ? json_text(claim, "claim") : "");
    grid_add(g, "%s", claim ? json_text(claim, "paper") : "");
    grid_add(g, "%s", json_text(s, "setting"));
    figure(g, json_real(s, "baseline_value"), false);
    figure(g, json_real(s, "value"), false);
    grid_add(g, "%s", difference.data);
    grid_add(g, "%.0f", json_real(s, "n"));
    figure(g, json_real(s, "detectable"), false);
    grid_add(g, "%.2g", json_real(s, "p_holm"));
    grid_add(g, "%s", json_text(s, "verdict"));
    text_free(&difference);
}

/* The table of a pair of models. */
static void add_pair(struct table *table, const cJSON *claims, const cJSON *pair, bool all)
{
    static const char *const columns[] = {"claim", "the paper",     "setting", NULL,     NULL, "difference, 95 %",
                                          "n",     "smallest seen", "p",       "verdict"};
    const char *model = json_text(pair, "model"), *baseline = json_text(pair, "baseline");
    struct text title = {0};
    const cJSON *claim, *setting;
    text_printf(&title, "%s against %s", model, baseline);
    table->title = title.data;
    table->grid.columns = sizeof columns / sizeof *columns;
    for (size_t i = 0; i < table->grid.columns; i++)
        grid_add(&table->grid, "%s", columns[i] ? columns[i] : i == 3 ? baseline : model);
    cJSON_ArrayForEach(claim, claims)
    {
        if (!json_same_text(claim, pair, "model") || !json_same_text(claim, pair, "baseline"))
            continue;
        if (!all)
            add_setting(&table->grid, claim, claim);
        cJSON_ArrayForEach(setting, json_path(claim, "settings"))
        {
            if (all)
                add_setting(&table->grid, setting == json_path(claim, "settings.0") ? claim : NULL, setting);
        }
    }
}

static bool seen(const cJSON *claims, const cJSON *claim)
{
    for (const cJSON *before = claims->child; before != claim; before = before->next)
        if (json_same_text(before, claim, "model") && json_same_text(before, claim, "baseline"))
            return true;
    return false;
}

static void print_claims(const cJSON *claims, const cJSON *options)
{
    struct tables tables = {0};
    struct text out = {0};
    const cJSON *claim;
    cJSON_ArrayForEach(claim, claims)
    {
        if (!seen(claims, claim) && mem_grow((void **)&tables.all, &tables.capacity, tables.n + 1, sizeof *tables.all)) {
            tables.all[tables.n] = (struct table){0};
            add_pair(&tables.all[tables.n++], claims, claim, option_flag(options, "all"));
        }
    }
    table_writer_find(option_string(options, "format"))(&out, &tables);
    say(stdout, "%s", out.data ? out.data : "");
    text_free(&out);
    tables_free(&tables);
}

static enum status claims(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const char **paths = NULL;
    cJSON *reports = NULL, *settings = cJSON_CreateArray(), *judged = NULL, *report;
    enum status status = read_all(&reports, &paths, arguments, 1, err);
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = claims_add(settings, report, err);
    }
    if (status == OK && cJSON_GetArraySize(settings) == 0)
        status = error_set(err, ERR_INPUT,
                           "%s: compares no Diff Transformer with a Transformer in what the paper has figures on, "
                           "expected a report of such a pair",
                           paths[0]);
    if (status == OK) {
        judged = claims_judge(settings);
        if (strcmp(option_string(options, "format"), "json") == 0) {
            char *printed = cJSON_Print(judged);
            say(stdout, "%s\n", printed);
            free(printed);
        } else
            print_claims(judged, options);
    }
    cJSON_Delete(judged);
    cJSON_Delete(settings);
    cJSON_Delete(reports);
    free(paths);
    return status;
}

const struct command COMMAND_CLAIMS = {
    "claims", "REPORT...", "the paper's claims, its figures and those of reports, with a verdict each", CLAIMS_OPTIONS, claims};
