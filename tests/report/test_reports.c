/* Tables, comparisons, checks and claims, from small reports written by hand. */
#include "base/file.h"
#include "formats/json.h"
#include "report/average.h"
#include "report/claims.h"
#include "report/compare.h"
#include "report/report.h"
#include "report/small_report.h"
#include "report/table.h"
#include "report/tidy.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static const int BAD[4] = {0, 0, 1, 0};

static char *print(const cJSON *report, const char *format, bool every)
{
    struct tables t = {0};
    struct error err = {0};
    struct text out = {0};
    ck_assert_msg(tables_from_report(&t, report, every, &err) == OK, "%s", err.message);
    table_writer_find(format)(&out, &t);
    tables_free(&t);
    return out.data;
}

START_TEST(tables_in_every_format)
{
    cJSON *r = make_report(GOOD);
    char *text = print(r, "text", false);
    expect_in(text, "length 64, needles 1, asked 1\n\nfound        depth 0  depth 100     all    95% interval\n");
    expect_in(text, "base           0.500      0.500   0.500  [0.200, 0.800]\n");
    expect_in(text, "diff - base        -          -  +0.500  [0.400, 0.600]\n");
    free(text);
    text = print(r, "markdown", false);
    expect_in(text, "| found | depth 0 | depth 100 | all | 95% interval |\n|---|---:|---:|---:|---:|\n| base | 0.500 |");
    free(text);
    text = print(r, "latex", false);
    expect_in(text, "\\begin{tabular}{lrrrr}\n\\hline\nfound & depth 0 & depth 100 & all & 95\\% interval \\\\\n\\hline\n");
    free(text);
    text = print(r, "json", false);
    cJSON *json = cJSON_Parse(text);
    ck_assert_double_eq(json_real(json, "0.rows.1.3"), 1);
    ck_assert_double_eq(json_real(json, "0.rows.1.4.0"), 0.2);
    ck_assert(cJSON_IsNull(json_path(json, "0.rows.2.1")));
    cJSON_Delete(json);
    free(text);
    text = print(r, "text", true);
    expect_in(text, "speed");
    free(text);
    ck_assert(table_writer_find("word") == NULL);
    cJSON_Delete(r);
}
END_TEST

/* Heads are broken first, then names stand above their figures, then columns go below: an interval stays with its figure. */
START_TEST(grids_fit_a_width)
{
    static const char *const cells[] = {
        "name", "one two", "value", "ends", "last", "short", "1", "2", "ends", "3", "a name that is long, \xc3\xa4",
        "4",    "5",       "ends",  "6"};
    static const double ends[2] = {1, 2};
    static const struct {
        size_t width;
        const char *text;
    } wanted[] = {{0, "name                    one two  value  ends  last\n"
                      "short                         1      2  ends     3\n"
                      "a name that is long, \xc3\xa4        4      5  ends     6\n"},
                  {46, "                        one\n"
                       "name                    two  value  ends  last\n"
                       "short                     1      2  ends     3\n"
                       "a name that is long, \xc3\xa4    4      5  ends     6\n"},
                  {40, "       one\n"
                       "name   two  value  ends  last\n"
                       "short    1      2  ends     3\n"
                       "a name that is long, \xc3\xa4\n"
                       "         4      5  ends     6\n"},
                  {20, "       one\n"
                       "name   two\n"
                       "short    1\n"
                       "a name that is long,\n"
                       "\xc3\xa4\n"
                       "         4\n"
                       "\n"
                       "name   value  ends\n"
                       "short      2  ends\n"
                       "a name that is long,\n"
                       "\xc3\xa4\n"
                       "           5  ends\n"
                       "\n"
                       "name   last\n"
                       "short     3\n"
                       "a name that is long,\n"
                       "\xc3\xa4\n"
                       "          6\n"}};
    struct grid g = {.columns = 5};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (i > 5 && i % 5 == 3)
            grid_add_figure(&g, cells[i], ends, 2);
        else
            grid_add(&g, "%s", cells[i]);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct text out = {0};
        grid_print(&out, &g, wanted[i].width);
        ck_assert_str_eq(out.data, wanted[i].text);
        text_free(&out);
    }
    grid_free(&g);
}
END_TEST

START_TEST(csv_is_one_tidy_table)
{
    cJSON *reports = cJSON_CreateArray(), *r = make_report(GOOD);
    cJSON *where = cJSON_GetObjectItem(cJSON_GetObjectItem(r, "metrics")->child, "where");
    cJSON_AddStringToObject(where, "task", "one, \"two\"");
    cJSON_AddItemToArray(reports, r);
    struct text out = {0};
    tidy_metrics(&out, reports);
    expect_in(out.data, "task,metric,model,length,needles,asked,depth,set,value,low,high,n\n");
    expect_in(out.data, "needle,accuracy,base,64,1,1,0,\"one, \"\"two\"\"\",0.5,");
    expect_in(out.data, "\nneedle,accuracy,base,64,1,1,,,0.5,0.2,0.8,");
    text_free(&out);
    cJSON_Delete(reports);
    cJSON *rows =
        cJSON_Parse("[{\"name\": \"found\", \"model\": \"b\", \"baseline\": \"a\", \"where\": {\"depth\": 2.5}, \"value\": 1, "
                    "\"baseline_value\": 0.25, \"difference\": 0.75, \"ci\": null, \"p_value\": 0.01, \"n\": 4, "
                    "\"paired\": true}]");
    tidy_comparisons(&out, rows);
    ck_assert_str_eq(out.data, "metric,model,baseline,depth,value,baseline_value,difference,low,high,p_value,n,paired\n"
                               "found,b,a,2.5,1,0.25,0.75,,,0.01,4,true\n");
    text_free(&out);
    cJSON_Delete(rows);
}
END_TEST

START_TEST(two_reports_are_compared_item_by_item)
{
    cJSON *a = make_report(GOOD), *b = make_report(BAD), *rows = cJSON_CreateArray(), *row, *all = NULL, *speed = NULL;
    struct error err = {0};
    ck_assert_int_eq(report_compare(rows, a, "diff", b, "diff", 1, &err), OK);
    cJSON_ArrayForEach(row, rows)
    {
        if (cJSON_GetArraySize(json_path(row, "where")) == 3)
            all = row;
        if (strcmp(json_text(row, "name"), "speed") == 0)
            speed = row;
    }
    ck_assert(fabs(json_real(all, "difference") - 0.75) < 1e-9 && cJSON_IsTrue(json_path(all, "paired")));
    ck_assert(fabs(json_real(all, "p_value") - 0.25) < 1e-9); /* 4 of the 16 flips are as extreme: all alike, but for the 0 */
    ck_assert(cJSON_IsFalse(json_path(speed, "paired")) && json_real(speed, "difference") == 0);
    cJSON_Delete(rows);
    rows = cJSON_CreateArray();
    ck_assert_int_eq(report_compare(rows, a, "diff", a, "base", 1, &err), OK);
    ck_assert_int_eq(cJSON_GetArraySize(rows), 3); /* base has no speed */
    cJSON_Delete(rows);
    cJSON_Delete(a);
    cJSON_Delete(b);
}
END_TEST

static size_t failures(const cJSON *report, const cJSON *baseline, double alpha, double absolute)
{
    struct checks c = {.results = cJSON_CreateArray()};
    struct error err = {0};
    ck_assert_msg(check_against(&c, report, baseline, &(struct check_level){alpha, absolute, false}, &err) == OK, "%s",
                  err.message);
    size_t failed = c.failed;
    cJSON_Delete(c.results);
    return failed;
}

START_TEST(regressions_are_found_and_equals_are_not)
{
    cJSON *good = make_report(GOOD), *bad = make_report(BAD);
    ck_assert_uint_eq(failures(good, good, 0.9, 0), 0);
    ck_assert_uint_eq(failures(good, bad, 0.9, 0), 0); /* better is no regression */
    ck_assert_uint_ge(failures(bad, good, 0.9, 0), 1);
    ck_assert_uint_eq(failures(bad, good, 0.9, 1), 0); /* as much is allowed */
    cJSON_DeleteItemFromArray(cJSON_GetObjectItem(good, "metrics"), 0);
    cJSON *whole = make_report(GOOD);
    ck_assert_uint_eq(failures(good, whole, 0.9, 0), 1); /* a metric is missing */
    cJSON_Delete(whole);
    cJSON_Delete(good);
    cJSON_Delete(bad);
}
END_TEST

static void expect_rules(const char *yaml_as_json, enum status status, size_t failed, const char *says)
{
    cJSON *r = make_report(BAD), *rules = cJSON_Parse(yaml_as_json);
    struct checks c = {.results = cJSON_CreateArray()};
    struct error err = {0};
    enum status got = check_rules(&c, r, rules, "rules.yaml", &err);
    ck_assert_msg(got == status && c.failed == failed, "%s: status %d '%s', %zu failed; expected %d, %zu", yaml_as_json, (int)got,
                  err.message, c.failed, (int)status, failed);
    if (says != NULL)
        ck_assert_msg(strstr(err.message, says) != NULL, "'%s' does not say '%s'", err.message, says);
    cJSON_Delete(c.results);
    cJSON_Delete(rules);
    cJSON_Delete(r);
}

START_TEST(rules_bound_values_intervals_and_differences)
{
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"model\":\"base\",\"min\":0.5}]}", OK, 0, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"model\":\"base\",\"min\":0.51}]}", OK, 3, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"model\":\"diff\",\"where\":{\"depth\":0},\"min\":0.1}]}", OK, 1, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"speed\",\"use\":\"low\",\"min\":9,\"max\":9}]}", OK, 0, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"of\":\"comparisons\",\"min\":0}]}", OK, 1, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"nothing\",\"min\":0}]}", ERR_INPUT, 0, "accuracy, speed");
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"model\":\"nobody\",\"min\":0}]}", OK, 1, NULL);
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\"}]}", ERR_INPUT, 0, "bound");
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"minimum\":1}]}", ERR_INPUT, 0, "minimum");
    expect_rules("{\"rules\":[{\"metric\":\"accuracy\",\"min\":0,\"use\":\"mean\"}]}", ERR_INPUT, 0, "use");
    expect_rules("{}", ERR_INPUT, 0, "rules");
}
END_TEST

/* The claims of a report whose comparisons have these p-values and differences, one after another. */
static cJSON *judged(const double (*given)[2], size_t n, double units)
{
    cJSON *settings = cJSON_CreateArray();
    for (size_t i = 0; i < n; i++) {
        cJSON *r = make_report(GOOD), *c;
        struct error err = {0};
        cJSON_ArrayForEach(c, json_path(r, "comparisons"))
        {
            cJSON_ReplaceItemInObject(c, "p_value", cJSON_CreateNumber(given[i][0]));
            cJSON_ReplaceItemInObject(c, "difference", cJSON_CreateNumber(given[i][1]));
            cJSON_ReplaceItemInObject(c, "n", cJSON_CreateNumber(units));
        }
        ck_assert_int_eq(claims_add(settings, r, &err), OK);
        cJSON_Delete(r);
    }
    cJSON *claims = claims_judge(settings);
    cJSON_Delete(settings);
    return claims;
}

START_TEST(claims_get_the_verdict_of_their_corrected_p_value)
{
    static const double same[][2] = {{0.01, 0.5}}, other[][2] = {{0.01, -0.5}}, three[][2] = {{0.02, 0.5}, {0.04, 0.4}, {0.9, 0}};
    cJSON *c = judged(same, 1, 50);
    ck_assert_str_eq(json_text(c, "0.verdict"), "same direction");
    cJSON_Delete(c);
    c = judged(other, 1, 50);
    ck_assert_str_eq(json_text(c, "0.verdict"), "opposite");
    cJSON_Delete(c);
    c = judged(three, 3, 50); /* Holm: 0.06, 0.08, 0.9 */
    ck_assert_int_eq(cJSON_GetArraySize(c), 1);
    ck_assert_int_eq(cJSON_GetArraySize(json_path(c, "0.settings")), 3);
    ck_assert_msg(fabs(json_real(c, "0.p_holm") - 0.06) < 1e-9, "p is %g", json_real(c, "0.p_holm"));
    ck_assert_msg(strcmp(json_text(c, "0.verdict"), "same direction") != 0, "three settings are not corrected");
    cJSON_Delete(c);
    c = judged(three + 2, 1, 4);
    ck_assert_str_eq(json_text(c, "0.verdict"), "too few to tell");
    cJSON_Delete(c);
}
END_TEST

/* A report of one multiple-choice set: the accuracies of two models in percent. */
static cJSON *make_set(const char *set, int base, int diff)
{
    struct text t = {0};
    text_puts(&t,
              "{\"schema\":\"difftf-eval/report/1\",\"task\":\"choice\",\"models\":[{\"name\":\"base\",\"n_maps\":1},{\"name\":"
              "\"diff\",\"n_maps\":2}],\"views\":[{\"kind\":\"table\",\"name\":\"accuracy\",\"title\":\"a\"}],\"metrics\":[");
    for (int m = 0; m < 2; m++)
        for (int k = 0; k < 2; k++)
            text_printf(&t,
                        "%s{\"name\":\"%s\",\"model\":\"%s\",\"where\":{\"task\":\"%s\",\"shots\":0},\"value\":%g,\"ci\":[%g,%g],"
                        "\"n\":50,\"better\":\"higher\"}",
                        m + k ? "," : "", k ? "acc_bytes" : "accuracy", m ? "diff" : "base", set, (m ? diff : base) / 100.0,
                        (m ? diff : base) / 100.0 - 0.03, (m ? diff : base) / 100.0 + 0.04);
    text_printf(&t,
                "],\"comparisons\":[{\"name\":\"accuracy\",\"model\":\"diff\",\"baseline\":\"base\",\"where\":{\"task\":\"%s\","
                "\"shots\":0},\"difference\":%g,\"ci\":[%g,%g],\"p_value\":0.2,\"n\":50}]}",
                set, (diff - base) / 100.0, (diff - base) / 100.0 - 0.03, (diff - base) / 100.0 + 0.04);
    cJSON *report = cJSON_Parse(t.data);
    ck_assert_ptr_nonnull(report);
    text_free(&t);
    return report;
}

START_TEST(several_sets_have_an_average)
{
    cJSON *reports = cJSON_CreateArray(), *settings = cJSON_CreateArray(), *averages, *where = cJSON_Parse("{\"shots\":0}");
    struct error err = {0};
    cJSON_AddItemToArray(reports, make_set("piqa", 50, 60));
    averages = reports_average(reports);
    ck_assert_msg(averages->child == NULL, "one set has an average");
    cJSON_Delete(averages);
    cJSON_AddItemToArray(reports, make_set("boolq", 70, 72));
    cJSON_AddItemToArray(reports, make_set("boolq", 10, 20)); /* a set that comes twice counts once */
    averages = reports_average(reports);
    ck_assert_int_eq(cJSON_GetArraySize(averages), 1);
    const cJSON *a = averages->child, *row = report_find(json_path(a, "metrics"), "accuracy", "base", where);
    ck_assert_double_eq_tol(json_real(row, "value"), 0.6, 1e-9);
    ck_assert_double_eq_tol(json_real(row, "ci.0"), 0.6 - 0.03 / sqrt(2), 1e-9); /* two independent distances of 0.03 */
    ck_assert_double_eq_tol(json_real(row, "ci.1"), 0.6 + 0.04 / sqrt(2), 1e-9);
    ck_assert_double_eq(json_real(row, "n"), 100);
    ck_assert_ptr_null(report_find(json_path(a, "metrics"), "acc_bytes", "base", where)); /* not the headline */
    row = report_find(json_path(a, "comparisons"), "accuracy", "diff", where);
    ck_assert_double_eq_tol(json_real(row, "difference"), 0.06, 1e-9);
    ck_assert_double_eq_tol(json_real(row, "p_value"), erfc(0.06 / (0.03 / sqrt(2) / Z95) / sqrt(2)), 1e-8);
    ck_assert(claims_add(settings, a, &err) == OK); /* of the average alone: the sets have their own */
    ck_assert_int_eq(cJSON_GetArraySize(settings), 1);
    ck_assert_str_eq(json_text(settings->child, "setting"), "0 examples");
    cJSON_Delete(averages);
    cJSON_ReplaceItemInArray(reports, 1,
                             cJSON_Parse("{\"task\":\"choice\",\"models\":[{\"name\":\"base\"}],\"views\":[],\"metrics\":"
                                         "[{\"name\":\"accuracy\",\"model\":\"base\",\"where\":{\"task\":\"arc\",\"shots\":0}"
                                         ",\"value\":0.3,\"ci\":null,\"n\":2,\"better\":\"higher\"}]}"));
    averages = reports_average(reports); /* one model of three sets, the other of two; and a set without an interval */
    a = averages->child;
    ck_assert_ptr_null(report_find(json_path(a, "metrics"), "accuracy", "diff", where));
    row = report_find(json_path(a, "metrics"), "accuracy", "base", where);
    ck_assert_double_eq_tol(json_real(row, "value"), 0.3, 1e-9);
    ck_assert(cJSON_IsNull(json_path(row, "ci")));
    cJSON_Delete(averages);
    cJSON_Delete(reports);
    cJSON_Delete(settings);
    cJSON_Delete(where);
}
END_TEST

START_TEST(what_is_no_report_is_refused)
{
    static const char *const texts[] = {"{}",
                                        "{\"schema\":\"difftf-eval/report/2\"}",
                                        "{\"schema\":\"difftf-eval/report/1\"}",
                                        "[1]",
                                        "{",
                                        "{\"schema\":\"difftf-eval/report/1\",\"task\":\"x\",\"models\":[],\"metrics\":[{}],"
                                        "\"comparisons\":[],\"series\":[],\"items\":[]}"};
    char path[64];
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON *report;
        struct error err = {0};
        ck_assert_int_eq(file_write(path, texts[i], strlen(texts[i]), &err), OK);
        ck_assert_int_eq(report_read(&report, path, &err), ERR_INPUT);
        ck_assert_msg(strstr(err.message, path) == err.message, "'%s' does not name the file", err.message);
    }
    unlink(path);
}
END_TEST

SUITE_MAIN("reports", tables_in_every_format, grids_fit_a_width, csv_is_one_tidy_table, two_reports_are_compared_item_by_item,
           regressions_are_found_and_equals_are_not, rules_bound_values_intervals_and_differences,
           claims_get_the_verdict_of_their_corrected_p_value, several_sets_have_an_average, what_is_no_report_is_refused)
