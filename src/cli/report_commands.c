/* report_commands.c - check, report: what is made from finished reports and is no table. */
#include "base/visible.h"
#include "cli/commands.h"
#include "cli/stored.h"
#include "report/compare.h"
#include "report/page.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
