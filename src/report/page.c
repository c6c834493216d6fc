/* page.c - see page.h. */
#include "report/page.h"

#include "base/file.h"
#include "formats/json.h"
#include "report/chart.h"
#include "report/claims.h"
#include "report/compare.h"
#include "report/html.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a document; those in text() are escaped. */
static void put(struct text *out, const char *html)
{
    text_puts(out, html);
}

static void text(struct text *out, const char *plain)
{
    html_text(out, plain ? plain : "");
}

static void write_models(struct text *out, const cJSON *reports)
{
    const cJSON *report, *m, *earlier, *other;
    put(out,
        "<h3>Models</h3>\n<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">name</th><th class=\"text\" "
        "scope=\"col\">family</th><th scope=\"col\">parameters</th><th class=\"text\" "
        "scope=\"col\">weights</th></tr></thead><tbody>\n");
    cJSON_ArrayForEach(report, reports)
    {
        cJSON_ArrayForEach(m, json_path(report, "models"))
        {
            bool seen = json_text(m, "sha256") == NULL;
            for (earlier = reports->child; earlier != report && !seen; earlier = earlier->next)
                cJSON_ArrayForEach(other, json_path(earlier, "models"))
                {
                    seen = seen || (json_text(other, "sha256") != NULL &&
                                    strcmp(json_text(other, "sha256"), json_text(m, "sha256")) == 0 &&
                                    strcmp(json_text(other, "name"), json_text(m, "name")) == 0);
                }
            if (seen)
                continue;
            put(out, "<tr><th scope=\"row\">");
            text(out, json_text(m, "name"));
            put(out, "</th><td class=\"text\">");
            text(out, json_text(m, "family"));
            text_printf(out, "</td><td>%.0f</td><td class=\"text\"><small>sha256 %.16s</small></td></tr>\n",
                        json_real(m, "n_params"), json_text(m, "sha256"));
        }
    }
    put(out, "</tbody></table></div>\n");
}

/* What was measured of one setting: value, difference with interval, p, units, and what could have been seen. */
static void write_measured(struct text *out, const cJSON *row)
{
    double largest = fmax(fabs(json_real(row, "value")), fabs(json_real(row, "baseline_value"))),
           least = json_real(row, "detectable");
    put(out, "<td>");
    figure_text(out, json_real(row, "value"), largest, false);
    put(out, " against ");
    figure_text(out, json_real(row, "baseline_value"), largest, false);
    put(out, "</td><td>");
    figure_text(out, json_real(row, "difference"), largest, true);
    if (isfinite(json_real(row, "ci.0"))) {
        put(out, " [");
        figure_text(out, json_real(row, "ci.0"), largest, false);
        put(out, ", ");
        figure_text(out, json_real(row, "ci.1"), largest, false);
        put(out, "]");
    }
    text_printf(out, "</td><td>%.3g</td><td>%.0f</td><td>", json_real(row, "p_holm"), json_real(row, "n"));
    if (isfinite(least))
        figure_text(out, least, largest, false);
    else
        put(out, "-");
    put(out, "</td></tr>\n");
}

/* A mark that does not depend on colour stands before the words. */
static void write_verdict(struct text *out, const cJSON *row)
{
    static const struct {
        const char *verdict, *class, *mark;
    } marks[] = {{"same direction", "same", "\xe2\x9c\x93"},
                 {"opposite", "opposite", "\xe2\x9c\x97"},
                 {"too few to tell", "none", "?"},
                 {"no difference seen", "none", "="}};
    const char *verdict = json_text(row, "verdict");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(marks[i].verdict, verdict) == 0)
            text_printf(out, "<td class=\"verdict text %s\"><span aria-hidden=\"true\">%s</span> %s</td>", marks[i].class,
                        marks[i].mark, verdict);
}

static const char CLAIM_HEAD[] =
    "<th class=\"text\" scope=\"col\">verdict</th><th class=\"text\" scope=\"col\">in the paper, Diff "
    "against Transformer</th><th scope=\"col\">here</th><th scope=\"col\">difference [95 % "
    "interval]</th><th scope=\"col\">p</th><th scope=\"col\">units</th><th scope=\"col\">smallest "
    "that would be seen</th></tr></thead><tbody>\n";

static void write_claim(struct text *out, const cJSON *row)
{
    put(out, "<tr><th scope=\"row\">");
    text(out, json_text(row, "claim"));
    put(out, "<br><small>");
    text(out, json_text(row, "task"));
    put(out, json_text(row, "setting")[0] ? ", " : "");
    text(out, json_text(row, "setting"));
    put(out, "</small></th>");
    write_verdict(out, row);
    put(out, "<td class=\"text\">");
    text(out, json_text(row, "paper"));
    put(out, "</td>");
    write_measured(out, row);
}

/* Every setting of the claims, folded away. */
static void write_settings(struct text *out, const cJSON *claims)
{
    const cJSON *claim, *row;
    put(out, "<details><summary>every setting</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th "
             "scope=\"col\">claim and setting</th>");
    put(out, CLAIM_HEAD);
    cJSON_ArrayForEach(claim, claims)
    {
        cJSON_ArrayForEach(row, json_path(claim, "settings")) write_claim(out, row);
    }
    put(out, "</tbody></table></div></details>\n");
}

static size_t count_verdicts(const cJSON *claims, const char *verdict)
{
    const cJSON *row;
    size_t n = 0;
    cJSON_ArrayForEach(row, claims) n += strcmp(json_text(row, "verdict"), verdict) == 0;
    return n;
}

static enum status write_claims(struct text *out, const cJSON *reports, struct error *err)
{
    cJSON *settings = cJSON_CreateArray();
    const cJSON *report, *row;
    enum status status = OK;
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = claims_add(settings, report, err);
    }
    cJSON *claims = claims_judge(settings);
    if (claims->child != NULL) {
        text_printf(out,
                    "<h3>The paper's claims, beside these models</h3>\n<p>Of %d claims, <strong>%zu go in the same "
                    "direction</strong>, %zu go the other way, in %zu no difference is seen, and for %zu there is too little to "
                    "tell. A verdict needs p below 0.05 after Holm's correction over every setting; the smallest difference that "
                    "would be seen is that of four runs in five. Sizes are not compared, since the settings differ.</p>\n",
                    cJSON_GetArraySize(claims), count_verdicts(claims, "same direction"), count_verdicts(claims, "opposite"),
                    count_verdicts(claims, "no difference seen"), count_verdicts(claims, "too few to tell"));
        put(out, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">claim</th>");
        put(out, CLAIM_HEAD);
        cJSON_ArrayForEach(row, claims) write_claim(out, row);
        put(out, "</tbody></table></div>\n");
        write_settings(out, claims);
    }
    cJSON_Delete(claims);
    cJSON_Delete(settings);
    return status;
}

static void write_anchor(struct text *out, const cJSON *report, int index)
{
    html_text(out, json_text(report, "task"));
    text_printf(out, "-%d", index + 1);
}

static void write_data(struct text *out, const cJSON *report)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, json_path(report, "data"))
    {
        put(out, "<p class=\"soft\">data: ");
        text(out, json_text(d, "name"));
        put(out, " <small>");
        text(out, json_text(d, "path"));
        text_printf(out, ", %.0f records, sha256 %.16s", json_real(d, "records"),
                    json_text(d, "sha256") ? json_text(d, "sha256") : "");
        if (json_text(d, "licence") != NULL) {
            put(out, ", ");
            text(out, json_text(d, "licence"));
        }
        put(out, "</small></p>\n");
    }
}

static void write_notes(struct text *out, const cJSON *report)
{
    const cJSON *note;
    cJSON_ArrayForEach(note, json_path(report, "notes"))
    {
        put(out, "<p>note: ");
        text(out, cJSON_GetStringValue(note));
        put(out, "</p>\n");
    }
}

static enum status write_report(struct text *out, const cJSON *report, int index, struct error *err)
{
    const cJSON *view;
    struct tables tables;
    size_t figures = 0;
    put(out, "<section aria-labelledby=\"");
    write_anchor(out, report, index);
    put(out, "\"><h2 id=\"");
    write_anchor(out, report, index);
    put(out, "\">");
    text(out, json_text(report, "task"));
    put(out, "</h2>\n");
    write_data(out, report);
    write_notes(out, report);
    put(out, "<div class=\"figures\">\n");
    enum status status = OK;
    cJSON_ArrayForEach(view, json_path(report, "views"))
    {
        if (status == OK)
            status = charts_from_view(out, report, view, &figures, err);
    }
    put(out, "</div>\n<h3>Tables</h3>\n");
    if (status == OK)
        status = tables_from_report(&tables, report, false, err);
    for (size_t i = 0; status == OK && i < tables.n; i++)
        table_html(out, &tables.all[i]);
    if (status == OK)
        tables_free(&tables);
    char *options = cJSON_Print(json_path(report, "options"));
    put(out, "<details><summary>options</summary><pre>");
    text(out, options);
    put(out, "</pre></details>\n</section>\n");
    free(options);
    return status;
}

void page_open(struct text *out, const char *title)
{
    put(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
             "content=\"width=device-width,initial-scale=1\">\n<title>");
    text(out, title);
    put(out, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n");
    put(out, PAGE_STYLE);
    put(out, "</style></head><body>\n<header><h1>");
    text(out, title);
    put(out, "</h1>\n");
}

void page_close(struct text *out)
{
    put(out, "</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n<script>\n");
    put(out, PAGE_SCRIPT);
    put(out, "</script></body></html>\n");
}

enum status page_save(const char *path, struct text *out, enum status status, struct error *err)
{
    if (status == OK)
        status = out->data ? file_write(path, out->data, out->len, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    text_free(out);
    return status;
}

static enum status write_body(struct text *out, const char *title, const cJSON *reports, struct error *err)
{
    const cJSON *report;
    int i = 0;
    page_open(out, title);
    put(out, "<p class=\"soft\">Transformers and Diff Transformers compared by difftf-eval, after the evaluations of arXiv "
             "2410.05258. Intervals are 95 %.</p>\n<nav aria-label=\"Evaluations\"><ul>");
    cJSON_ArrayForEach(report, reports)
    {
        put(out, "<li><a href=\"#");
        write_anchor(out, report, i++);
        put(out, "\">");
        text(out, json_text(report, "task"));
        put(out, "</a></li>");
    }
    put(out, "</ul></nav></header>\n<main>\n<section aria-labelledby=\"summary\"><h2 id=\"summary\">Summary</h2>\n");
    enum status status = write_claims(out, reports, err);
    write_models(out, reports);
    put(out, "</section>\n");
    i = 0;
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = write_report(out, report, i++, err);
    }
    page_close(out);
    return status;
}

enum status page_write(const char *path, const char *title, const cJSON *reports, struct error *err)
{
    struct text out = {0};
    return page_save(path, &out, write_body(&out, title, reports, err), err);
}

/* Of a report and what `rescore` made of it the second counts; both would count every item twice. */
static void drop_rescored(cJSON *reports)
{
    const cJSON *newer;
    cJSON *older, *next;
    cJSON_ArrayForEach(newer, reports)
    {
        const char *of = json_text(newer, "rescore_of");
        for (older = reports->child; of != NULL && older != NULL; older = next) {
            next = older->next;
            if (older != newer && strcmp(json_text(older, "digest"), of) == 0)
                cJSON_Delete(cJSON_DetachItemViaPointer(reports, older));
        }
    }
}

enum status page_write_files(const char *path, const char *title, const cJSON *paths, struct error *err)
{
    cJSON *reports = cJSON_CreateArray();
    const cJSON *name;
    enum status status = OK;
    cJSON_ArrayForEach(name, paths)
    {
        cJSON *report = NULL;
        if (status == OK)
            status = report_read(&report, name->valuestring, err);
        if (report != NULL)
            cJSON_AddItemToArray(reports, report);
    }
    drop_rescored(reports);
    if (status == OK)
        status = page_write(path, title, reports, err);
    cJSON_Delete(reports);
    return status;
}
