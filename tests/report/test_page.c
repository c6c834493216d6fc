/* The page: pictures, items, and text of strangers that stays text wherever it is written. */
#include "base/file.h"
#include "formats/json.h"
#include "report/chart_groups.h"
#include "report/compare.h"
#include "report/escape.h"
#include "report/page.h"
#include "report/small_report.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Whatever order the rows come in: none is lost. */
START_TEST(values_of_a_picture_are_in_order)
{
    cJSON *report = cJSON_CreateObject(), *view = cJSON_Parse("{\"name\":\"m\",\"x\":\"a\"}"), *groups;
    cJSON *rows = cJSON_AddArrayToObject(report, "metrics");
    static const char *const values[] = {"50", "0", "100", "\"all\"", "10", "75", "50"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddStringToObject(row, "name", "m");
        char where[32];
        snprintf(where, sizeof where, "{\"a\":%s}", values[i]);
        cJSON_AddItemToObject(row, "where", cJSON_Parse(where));
        cJSON_AddItemToArray(rows, row);
    }
    groups = chart_group_metrics(report, view);
    char *x = cJSON_PrintUnformatted(cJSON_GetObjectItem(groups->child, "x"));
    ck_assert_str_eq(x, "[\"all\",0,10,50,75,100]");
    free(x);
    cJSON_Delete(groups);
    cJSON_Delete(view);
    cJSON_Delete(report);
}
END_TEST

START_TEST(junit_and_page_are_well_formed)
{
    cJSON *r = make_report(GOOD), *reports = cJSON_CreateArray();
    struct checks c = {.results = cJSON_CreateArray()};
    struct error err = {0};
    char path[64], *text;
    size_t n;
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    cJSON *result = cJSON_CreateObject();
    cJSON_AddStringToObject(result, "name", "a < b & \"c\"");
    cJSON_AddFalseToObject(result, "passed");
    cJSON_AddStringToObject(result, "says", "no");
    cJSON_AddItemToArray(c.results, result);
    c.failed = 1;
    ck_assert_int_eq(checks_write_junit(&c, path, &err), OK);
    ck_assert_int_eq(file_read(&text, &n, path, &err), OK);
    expect_in(text, "tests=\"1\" failures=\"1\"");
    expect_in(text, "name=\"a &lt; b &amp; &quot;c&quot;\"><failure message=\"no\"/>");
    free(text);
    cJSON_AddItemToArray(reports, r);
    ck_assert_int_eq(page_write(path, "A & B", reports, &err), OK);
    ck_assert_int_eq(file_read(&text, &n, path, &err), OK);
    expect_in(text, "<title>A &amp; B</title>");
    expect_in(text, "Found &lt;all&gt;");
    expect_in(text, "same direction");
    expect_in(text, "Content-Security-Policy\" content=\"default-src 'none'");
    expect_in(text, "<dt>Models</dt>");
    expect_in(text, "data-label=\"difference\"");
    expect_in(text, "<figure class=\"card\">");
    expect_in(text, "64 tokens, 1 needle, 1 asked for");
    ck_assert_msg(strstr(text, " style=\"") == NULL, "the page's policy forbids style attributes");
    ck_assert_ptr_null(strstr(text, "http://"));
    ck_assert_ptr_null(strstr(text, "https://"));
    free(text);
    unlink(path);
    cJSON_Delete(c.results);
    cJSON_Delete(reports);
}
END_TEST

/* The first item's outputs and prompt, as strangers may write them. */
START_TEST(items_of_a_page_show_text_as_text)
{
    cJSON *r = make_report(GOOD), *reports = cJSON_CreateArray(), *item = cJSON_GetObjectItem(r, "items")->child;
    cJSON *result = cJSON_GetObjectItem(cJSON_GetObjectItem(item, "results"), "diff"), *prompt = cJSON_CreateObject();
    struct error err = {0};
    char path[64], *text;
    size_t n;
    snprintf(path, sizeof path, "/tmp/difftf-test-%ld", (long)getpid());
    cJSON_ReplaceItemInObject(result, "output", cJSON_CreateString("</pre><script>alert(1)</script>\x1b[2J"));
    cJSON_AddStringToObject(prompt, "text", "<i>hay</i> needle & hay");
    cJSON_AddItemToObject(prompt, "marks", cJSON_Parse("[[11, 17], [5, 9], [20, 900]]"));
    cJSON_AddItemToObject(item, PAGE_PROMPT, prompt);
    cJSON_AddItemToArray(reports, r);
    ck_assert_int_eq(page_write(path, "t", reports, &err), OK);
    ck_assert_int_eq(file_read(&text, &n, path, &err), OK);
    expect_in(text, "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J");
    expect_in(text, "<pre>&lt;i&gt;hay&lt;/i&gt; <mark>needle</mark> &amp; hay</pre>");
    ck_assert_msg(strstr(text, "<script>alert") == NULL, "an output runs as a script");
    expect_in(text, "data-is=\"same d0v0 m0y m1y\"");
    expect_in(text, "data-is=\"differ d0v0 m0n m1y\"");
    expect_in(text, "<option value=\"d0v1\">100</option>");
    free(text);
    unlink(path);
    cJSON_Delete(reports);
}
END_TEST

START_TEST(hostile_text_stays_text)
{
    static const struct {
        void (*escape)(struct text *out, const char *text);
        const char *text, *want;
    } cases[] = {
        {csv_text, "=1+1", "\"'=1+1\""},
        {csv_text, "@SUM(A1)", "\"'@SUM(A1)\""},
        {csv_text, "+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\""},
        {csv_text, "-2+3", "\"'-2+3\""},
        {csv_text, "\rx", "\"'\rx\""},
        {csv_text, "-0.25", "-0.25"},
        {csv_text, "+1e-3", "+1e-3"},
        {csv_text, "-", "-"},
        {csv_text, "a \"b\", c", "\"a \"\"b\"\", c\""},
        {csv_text, "plain", "plain"},
        {latex_text, "50% of $x_1 & \\input{/etc/passwd}~^#",
         "50\\% of \\$x\\_1 \\& "
         "\\textbackslash{}input\\{/etc/passwd\\}\\textasciitilde{}\\textasciicircum{}\\#"},
        {latex_text, "a\nb", "a b"},
        {markdown_text, "a|b\\|c", "a\\|b\\\\\\|c"},
        {markdown_text, "<img src=x> & `x`", "&lt;img src=x&gt; &amp; \\`x\\`"},
        {markdown_text, "[x](javascript:y)", "[x]\\(javascript:y)"},
        {markdown_text, "f(x) [1, 2]", "f(x) [1, 2]"},
        {html_text, "<b a=\"'&\">", "&lt;b a=&quot;&#39;&amp;&quot;&gt;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text out = {0};
        cases[i].escape(&out, cases[i].text);
        ck_assert_msg(strcmp(out.data, cases[i].want) == 0, "'%s' becomes '%s', expected '%s'", cases[i].text, out.data,
                      cases[i].want);
        text_free(&out);
    }
}
END_TEST

SUITE_MAIN("page", values_of_a_picture_are_in_order, junit_and_page_are_well_formed, items_of_a_page_show_text_as_text,
           hostile_text_stays_text)
