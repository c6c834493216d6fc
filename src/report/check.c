/* check.c - regressions against a baseline report and against rules; see compare.h. */
#include "base/file.h"
#include "base/list.h"
#include "base/visible.h"
#include "formats/json.h"
#include "report/compare.h"
#include "report/escape.h"
#include "report/report.h"
#include "report/table.h"
#include "report/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_result(struct checks *c, const char *name, bool passed, const char *says)
{
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "name", name);
    cJSON_AddBoolToObject(result, "passed", passed);
    cJSON_AddStringToObject(result, "says", says);
    cJSON_AddItemToArray(c->results, result);
    c->failed += !passed;
}

static void describe(struct text *out, const cJSON *report, const cJSON *row)
{
    text_printf(out, "%s: %s of %s", json_text(report, "task"), json_text(row, "name"), json_text(row, "model"));
    if (json_path(row, "where")->child != NULL) {
        text_puts(out, ", ");
        where_text(out, json_path(row, "where"));
    }
}

bool report_is_headline(const cJSON *report, const char *name)
{
    const cJSON *view;
    cJSON_ArrayForEach(view, json_path(report, "views"))
    {
        if (strcmp(json_text(view, "kind"), "table") == 0)
            return list_has(json_text(view, "name"), name);
    }
    return true;
}

/* One-sided p-value of the row having become worse. */
static double p_worse(const cJSON *row)
{
    return json_real(row, strcmp(json_text(row, "better"), "higher") == 0 ? "p_lower" : "p_higher");
}

static double worse_by(const cJSON *row)
{
    double d = json_real(row, "difference");
    return strcmp(json_text(row, "better"), "higher") == 0 ? -d : d;
}

/* Every row against the level, corrected over all of them; what is worse by no more than rounding or `absolute` passes. */
static enum status check_rows(struct checks *c, const cJSON *report, const cJSON *rows, const struct check_level *level,
                              struct error *err)
{
    enum { ROUNDING = 10000 };
    size_t n = (size_t)cJSON_GetArraySize(rows), i = 0;
    double *p = mem_array(n + 1, sizeof *p);
    const cJSON *row;
    if (p == NULL)
        return error_set(err, ERR_SYSTEM, "check: out of memory");
    cJSON_ArrayForEach(row, rows) p[i++] = p_worse(row);
    holm(p, n);
    i = 0;
    cJSON_ArrayForEach(row, rows)
    {
        struct text name = {0}, says = {0};
        double worse = worse_by(row), allowed = fmax(level->tolerance, fabs(json_real(row, "baseline_value")) / ROUNDING);
        bool passed = p[i] >= level->alpha || worse <= allowed;
        describe(&name, report, row);
        text_printf(&says, "%.6g, in the baseline %.6g: %s by %.4g, p %.3g (corrected over %zu rows), %.0f units",
                    json_real(row, "value"), json_real(row, "baseline_value"), worse > 0 ? "worse" : "not worse", fabs(worse),
                    p[i], n, json_real(row, "n"));
        add_result(c, name.data, passed, says.data);
        text_free(&name);
        text_free(&says);
        i++;
    }
    free(p);
    return OK;
}

/* The model of another report that one is held against: that of its name, or, where both have one model alone, that one. */
static const char *partner_of(const cJSON *report, const cJSON *other, const char *model)
{
    bool alone = cJSON_GetArraySize(json_path(report, "models")) == 1 && cJSON_GetArraySize(json_path(other, "models")) == 1;
    return alone ? json_text(other, "models.0.name") : model;
}

enum status check_against(struct checks *c, const cJSON *report, const cJSON *baseline, const struct check_level *level,
                          struct error *err)
{
    const cJSON *m, *row, *old;
    size_t found = 0;
    enum status status = OK;
    if (strcmp(json_text(report, "task"), json_text(baseline, "task")) != 0)
        return error_set(err, ERR_INPUT, "--against: is a report of %s, expected one of %s", json_text(baseline, "task"),
                         json_text(report, "task"));
    cJSON *kept = cJSON_CreateArray();
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        const char *model = json_text(m, "name");
        cJSON *rows = cJSON_CreateArray();
        if (status == OK)
            status = report_compare(rows, report, model, baseline, partner_of(report, baseline, model), 1, err);
        cJSON_ArrayForEach(row, rows)
        {
            found++;
            if (json_text(row, "better") != NULL && (level->every || report_is_headline(report, json_text(row, "name"))))
                cJSON_AddItemToArray(kept, cJSON_Duplicate(row, true));
        }
        cJSON_Delete(rows);
    }
    if (status == OK)
        status = check_rows(c, report, kept, level, err);
    cJSON_Delete(kept);
    cJSON_ArrayForEach(old, json_path(baseline, "metrics"))
    {
        const char *name = json_text(old, "name");
        if (status != OK || json_text(old, "better") == NULL || (!level->every && !report_is_headline(baseline, name)) ||
            report_find(json_path(report, "metrics"), name, partner_of(baseline, report, json_text(old, "model")),
                        json_path(old, "where")) != NULL)
            continue;
        struct text what = {0};
        describe(&what, baseline, old);
        add_result(c, what.data, false, "is in the baseline and not in this report");
        text_free(&what);
    }
    if (status == OK && found == 0)
        status =
            error_set(err, ERR_INPUT, "--against: has no metric of the report's models, expected the same models and places");
    return status;
}

/* Does every member of `wanted` equal that of `where`? */
static bool agrees(const cJSON *where, const cJSON *wanted)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, wanted)
    {
        if (!cJSON_Compare(d, cJSON_GetObjectItemCaseSensitive(where, d->string), true))
            return false;
    }
    return true;
}

struct rule {
    const char *metric, *model, *use, *of;
    double min, max;
    const cJSON *where;
};

static enum status read_rule(struct rule *r, const cJSON *json, const char *name, struct error *err)
{
    static const char *const known[] = {"metric", "model", "where", "min", "max", "use", "of"};
    const cJSON *member;
    *r = (struct rule){.use = "value", .of = "metrics", .min = -INFINITY, .max = INFINITY};
    if (!cJSON_IsObject(json))
        return error_set(err, ERR_INPUT, "%s: a rule is no mapping, expected {metric: .., min: ..}", name);
    cJSON_ArrayForEach(member, json)
    {
        bool ok = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            ok = ok || strcmp(known[i], member->string) == 0;
        if (!ok)
            return error_set(err, ERR_INPUT,
                             "%s: key '%s' of a rule is not known, expected metric, model, where, min, max, use or of", name,
                             member->string);
    }
    enum status status = json_get_string(json, "metric", false, &r->metric, name, err);
    if (status == OK)
        status = json_get_string(json, "model", true, &r->model, name, err);
    if (status == OK)
        status = json_get_string(json, "use", true, &r->use, name, err);
    if (status == OK)
        status = json_get_string(json, "of", true, &r->of, name, err);
    if (status == OK)
        status = json_get_double(json, "min", -1e300, 1e300, true, &r->min, name, err);
    if (status == OK)
        status = json_get_double(json, "max", -1e300, 1e300, true, &r->max, name, err);
    r->where = cJSON_GetObjectItemCaseSensitive(json, "where");
    if (status == OK && strcmp(r->of, "metrics") != 0 && strcmp(r->of, "comparisons") != 0)
        status = error_set(err, ERR_INPUT, "%s: key 'of' is '%.40s', expected metrics or comparisons", name, r->of);
    if (status == OK && strcmp(r->use, "value") != 0 && strcmp(r->use, "low") != 0 && strcmp(r->use, "high") != 0)
        status = error_set(err, ERR_INPUT, "%s: key 'use' is '%.40s', expected value, low or high", name, r->use);
    if (status == OK && isinf(r->min) && isinf(r->max))
        status = error_set(err, ERR_INPUT, "%s: a rule for '%.40s' has no bound, expected min or max", name, r->metric);
    return status;
}

/* A metric that the report has nowhere is misspelt. */
static enum status check_name(const cJSON *report, const struct rule *r, const char *name, struct error *err)
{
    const cJSON *row, *seen;
    struct text names = {0};
    cJSON_ArrayForEach(row, json_path(report, r->of))
    {
        const char *its = json_text(row, "name");
        bool first = true;
        if (strcmp(its, r->metric) == 0) {
            text_free(&names);
            return OK;
        }
        for (seen = json_path(report, r->of)->child; seen != row && first; seen = seen->next)
            first = strcmp(json_text(seen, "name"), its) != 0;
        if (first)
            text_printf(&names, "%s%s", names.len ? ", " : "", its);
    }
    error_write(err, ERR_INPUT, "%s: metric '%.60s' is in no %s row of the report, expected one of %.700s", name, r->metric,
                r->of[0] == 'm' ? "metrics" : "comparisons", names.data ? names.data : "none");
    text_free(&names);
    return ERR_INPUT;
}

static void apply_rule(struct checks *c, const cJSON *report, const struct rule *r)
{
    const cJSON *row;
    size_t matched = 0;
    cJSON_ArrayForEach(row, json_path(report, r->of))
    {
        if (strcmp(json_text(row, "name"), r->metric) != 0 ||
            (r->model != NULL && strcmp(json_text(row, "model"), r->model) != 0) || !agrees(json_path(row, "where"), r->where))
            continue;
        bool plain = strcmp(r->use, "value") == 0;
        double x = json_real(row, !plain            ? strcmp(r->use, "low") == 0 ? "ci.0" : "ci.1"
                                  : r->of[0] == 'm' ? "value"
                                                    : "difference");
        struct text name = {0}, says = {0};
        describe(&name, report, row);
        if (isfinite(x))
            text_printf(&says, "%s is %.6g", plain ? "it" : r->use, x);
        else
            text_puts(&says, plain ? "it has no value" : "it has no interval, too few were drawn");
        if (isfinite(r->min))
            text_printf(&says, ", at least %.6g expected", r->min);
        if (isfinite(r->max))
            text_printf(&says, ", at most %.6g expected", r->max);
        add_result(c, name.data, x >= r->min && x <= r->max, says.data);
        text_free(&name);
        text_free(&says);
        matched++;
    }
    if (matched == 0) {
        struct text name = {0};
        text_printf(&name, "%s: rule for %s", json_text(report, "task"), r->metric);
        add_result(c, name.data, false, "matches nothing in the report");
        text_free(&name);
    }
}

enum status check_rules(struct checks *c, const cJSON *report, const cJSON *rules, const char *name, struct error *err)
{
    const cJSON *json, *list = cJSON_GetObjectItemCaseSensitive(rules, "rules");
    enum status status = OK;
    if (!cJSON_IsArray(list) || list->child == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'rules' is missing, expected a list of {metric, model, where, min, max}", name);
    cJSON_ArrayForEach(json, list)
    {
        struct rule rule;
        if (status == OK)
            status = read_rule(&rule, json, name, err);
        if (status == OK)
            status = check_name(report, &rule, name, err);
        if (status == OK)
            apply_rule(c, report, &rule);
    }
    return status;
}

/* Visible first: XML knows no way to write control characters. */
static void xml(FILE *to, const char *text)
{
    struct text shown = {0}, escaped = {0};
    visible_text(&shown, text, true);
    html_text(&escaped, shown.data ? shown.data : "");
    fputs(escaped.data ? escaped.data : "", to);
    text_free(&shown);
    text_free(&escaped);
}

enum status checks_write_junit(const struct checks *c, const char *path, struct error *err)
{
    struct file_writer w;
    const cJSON *result;
    enum status status = file_writer_open(&w, path, err);
    if (status != OK)
        return status;
    fprintf(w.stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"difftf-eval check\" tests=\"%d\" failures=\"%zu\">\n",
            cJSON_GetArraySize(c->results), c->failed);
    cJSON_ArrayForEach(result, c->results)
    {
        fputs("  <testcase classname=\"difftf-eval\" name=\"", w.stream);
        xml(w.stream, json_text(result, "name"));
        fputs("\">", w.stream);
        if (!cJSON_IsTrue(json_path(result, "passed"))) {
            fputs("<failure message=\"", w.stream);
            xml(w.stream, json_text(result, "says"));
            fputs("\"/>", w.stream);
        }
        fputs("</testcase>\n", w.stream);
    }
    fputs("</testsuite>\n", w.stream);
    return file_writer_commit(&w, err);
}
