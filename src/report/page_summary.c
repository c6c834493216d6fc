/* page_summary.c - the first screen of the page; see page_parts.h. */
#include "report/page_parts.h"

#include "formats/json.h"
#include "report/average.h"
#include "report/claims.h"
#include "report/html.h"
#include "report/page.h"
#include "report/words.h"

#include <math.h>
#include <string.h>

static void put(struct text *out, const char *html)
{
    text_puts(out, html);
}

static void text(struct text *out, const char *plain)
{
    html_text(out, plain ? plain : "");
}

/* Has an earlier report such an entry of `list`, by its name and digest? One without a digest is what bears its name. */
static bool seen_before(const cJSON *reports, const cJSON *report, const char *list, const cJSON *entry)
{
    const cJSON *earlier, *other;
    for (earlier = reports->child; earlier != report; earlier = earlier->next)
        cJSON_ArrayForEach(other, json_path(earlier, list))
        {
            if (json_same_text(other, entry, "name") &&
                (json_text(entry, "sha256") == NULL || json_same_text(other, entry, "sha256")))
                return true;
        }
    return false;
}

/* A folder and the one that it is in: where on a machine they lie is in the report. */
static const char *last_two(const char *path)
{
    const char *at = path + strlen(path);
    for (int slashes = 0; at > path; at--)
        if (at[-1] == '/' && at[0] != '\0' && ++slashes == 2)
            break;
    return at;
}

static void write_model(struct text *out, const cJSON *m, size_t colour)
{
    struct text size = {0};
    words_count(&size, json_real(m, "n_params"));
    text_printf(out, "<li><span class=\"swatch m%zu\"></span><strong>", colour % 6);
    text(out, json_text(m, "name"));
    put(out, "</strong> <span class=\"soft\">");
    text(out, json_text(m, "family"));
    if (isfinite(json_real(m, "n_params")))
        text_printf(out, ", %s parameters", size.data);
    if (json_text(m, "path") != NULL) {
        put(out, ", ");
        text(out, last_two(json_text(m, "path")));
    }
    put(out, "</span>");
    if (json_text(m, "sha256") != NULL)
        text_printf(out, " <small>sha256 %.12s</small>", json_text(m, "sha256"));
    put(out, "</li>\n");
    text_free(&size);
}

static void write_data(struct text *out, const cJSON *d)
{
    struct text records = {0};
    words_count(&records, json_real(d, "records"));
    put(out, "<li><strong>");
    text(out, json_text(d, "name"));
    put(out, "</strong> <span class=\"soft\">");
    text(out, json_text(d, "path"));
    if (isfinite(json_real(d, "records")))
        text_printf(out, ", %s records", records.data);
    if (json_text(d, "licence") != NULL) {
        put(out, ", ");
        text(out, json_text(d, "licence"));
    }
    put(out, "</span>");
    if (json_text(d, "sha256") != NULL)
        text_printf(out, " <small>sha256 %.12s</small>", json_text(d, "sha256"));
    put(out, "</li>\n");
    text_free(&records);
}

/* Where each report came from: its task, version, when it was finished and on what. */
static void write_source(struct text *out, const cJSON *report)
{
    put(out, "<li><strong>");
    text(out, words_task(json_text(report, "task")));
    put(out, "</strong> <span class=\"soft\">");
    if (json_text(report, PAGE_SOURCE) != NULL) {
        text(out, json_text(report, PAGE_SOURCE));
        put(out, ", ");
    }
    put(out, "difftf-eval ");
    text(out, json_text(report, "version"));
    text_printf(out, ", seed %.0f", json_real(report, "seed"));
    if (json_text(report, "run.finished") != NULL) {
        put(out, ", ");
        text(out, json_text(report, "run.finished"));
    }
    if (json_text(report, "run.cpu") != NULL) {
        put(out, ", ");
        text(out, json_text(report, "run.cpu"));
    }
    put(out, "</span></li>\n");
}

/* Versions and the last date. */
static void write_program(struct text *out, const cJSON *reports)
{
    const cJSON *report, *earlier;
    const char *last = "";
    put(out, "difftf-eval");
    cJSON_ArrayForEach(report, reports)
    {
        bool seen = false;
        const char *finished = json_text(report, "run.finished");
        for (earlier = reports->child; earlier != report; earlier = earlier->next)
            seen = seen || json_same_text(earlier, report, "version");
        put(out, seen ? "" : report == reports->child ? " " : ", ");
        text(out, seen ? "" : json_text(report, "version"));
        last = finished != NULL && strcmp(finished, last) > 0 ? finished : last;
    }
    put(out, last[0] != '\0' ? ", finished " : "");
    text(out, last);
}

/* The names of the data in a line, or how many reports; everything about them folded beneath. */
static void write_folded(struct text *out, const cJSON *reports, const char *list)
{
    bool data = strcmp(list, "data") == 0;
    const cJSON *report, *entry;
    cJSON *names = cJSON_CreateArray(); /* each once */
    put(out, "<details><summary>");
    if (!data)
        text_printf(out, "%d report%s", cJSON_GetArraySize(reports), reports->child != NULL && reports->child->next ? "s" : "");
    cJSON_ArrayForEach(report, reports)
    {
        const cJSON *entries = data ? json_path(report, list) : NULL;
        cJSON_ArrayForEach(entry, entries)
        {
            if (seen_before(reports, report, list, entry))
                continue;
            if (json_array_has(names, cJSON_GetObjectItemCaseSensitive(entry, "name")))
                continue;
            cJSON_AddItemToArray(names, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(entry, "name"), true));
            put(out, names->child->next ? ", " : "");
            text(out, json_text(entry, "name"));
        }
    }
    cJSON_Delete(names);
    put(out, "</summary><ul>\n");
    cJSON_ArrayForEach(report, reports)
    {
        if (!data)
            write_source(out, report);
        const cJSON *entries = data ? json_path(report, list) : NULL;
        cJSON_ArrayForEach(entry, entries)
        {
            if (!seen_before(reports, report, list, entry))
                write_data(out, entry);
        }
    }
    put(out, "</ul></details>");
}

static void write_compared(struct text *out, const cJSON *reports)
{
    const cJSON *report, *entry;
    put(out, "<dl class=\"compared\"><div><dt>Models</dt><dd><ul>\n");
    cJSON_ArrayForEach(report, reports)
    {
        size_t colour = 0;
        cJSON_ArrayForEach(entry, json_path(report, "models"))
        {
            if (!seen_before(reports, report, "models", entry))
                write_model(out, entry, colour);
            colour++;
        }
    }
    put(out, "</ul></dd></div>\n<div><dt>Data</dt><dd>");
    write_folded(out, reports, "data");
    put(out, "</dd></div>\n<div><dt>Program</dt><dd>");
    write_program(out, reports);
    write_folded(out, reports, "reports");
    put(out, "</dd></div></dl>\n");
}

static void p_text(struct text *out, double p)
{
    text_printf(out, p < 0.001 ? "&lt;&nbsp;0.001" : "%.3f", p);
}

/* What was measured of one setting: value, difference with interval, p, units, and what could have been seen. */
static void write_measured(struct text *out, const cJSON *row)
{
    double largest = fmax(fabs(json_real(row, "value")), fabs(json_real(row, "baseline_value"))),
           least = json_real(row, "detectable");
    put(out, "<td data-label=\"here\">");
    figure_text(out, json_real(row, "value"), largest, false);
    put(out, " against ");
    figure_text(out, json_real(row, "baseline_value"), largest, false);
    put(out, "</td><td data-label=\"difference\">");
    figure_text(out, json_real(row, "difference"), largest, true);
    if (isfinite(json_real(row, "ci.0"))) {
        put(out, " <small>[");
        figure_text(out, json_real(row, "ci.0"), largest, false);
        put(out, ", ");
        figure_text(out, json_real(row, "ci.1"), largest, false);
        put(out, "]</small>");
    }
    put(out, "</td><td data-label=\"p\">");
    p_text(out, json_real(row, "p_holm"));
    text_printf(out, "</td><td data-label=\"n\">%.0f</td><td data-label=\"would be seen from\">", json_real(row, "n"));
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
            text_printf(
                out,
                "<td class=\"verdict text %s\" data-label=\"verdict\"><span class=\"mark\" aria-hidden=\"true\">%s</span> "
                "%s</td>",
                marks[i].class, marks[i].mark, verdict);
}

static const char CLAIM_HEAD[] =
    "<th class=\"text\" scope=\"col\">verdict</th><th class=\"text\" scope=\"col\">in the paper<br><small>Diff against "
    "Transformer</small></th><th scope=\"col\">here</th><th scope=\"col\">difference<br><small>[95 % interval]</small></th><th "
    "scope=\"col\">p</th><th scope=\"col\">n</th><th scope=\"col\">would be<br>seen from</th></tr></thead><tbody>\n";

static void write_claim(struct text *out, const cJSON *row)
{
    put(out, "<tr><th scope=\"row\">");
    text(out, json_text(row, "claim"));
    put(out, "<br><small>");
    text(out, words_task(json_text(row, "task")));
    put(out, json_text(row, "setting")[0] ? ": " : "");
    text(out, json_text(row, "setting"));
    put(out, "</small></th>");
    write_verdict(out, row);
    put(out, "<td class=\"text\" data-label=\"in the paper\">");
    text(out, json_text(row, "paper"));
    put(out, "</td>");
    write_measured(out, row);
}

static void write_claim_table(struct text *out, const cJSON *rows, const char *first)
{
    const cJSON *row, *setting;
    put(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"claims stack\"><thead><tr><th scope=\"col\">");
    put(out, first);
    put(out, "</th>");
    put(out, CLAIM_HEAD);
    cJSON_ArrayForEach(row, rows)
    {
        if (strcmp(first, "claim") == 0)
            write_claim(out, row);
        else
            cJSON_ArrayForEach(setting, json_path(row, "settings")) write_claim(out, setting);
    }
    put(out, "</tbody></table></div>\n");
}

static size_t count_verdicts(const cJSON *claims, const char *verdict)
{
    const cJSON *row;
    size_t n = 0;
    cJSON_ArrayForEach(row, claims) n += strcmp(json_text(row, "verdict"), verdict) == 0;
    return n;
}

static void write_claims(struct text *out, const cJSON *claims)
{
    const cJSON *row;
    text_printf(
        out,
        "<h3>The paper's claims, beside these models</h3>\n<p>Of %d claims, <strong>%zu go in the same direction</strong> "
        "as in the paper, %zu go the other way, in %zu no difference is seen, and for %zu there is too little to "
        "tell.</p>\n",
        cJSON_GetArraySize(claims), count_verdicts(claims, "same direction"), count_verdicts(claims, "opposite"),
        count_verdicts(claims, "no difference seen"), count_verdicts(claims, "too few to tell"));
    write_claim_table(out, claims, "claim");
    put(out, "<p class=\"soft\">A verdict needs p below 0.05 after Holm's correction over every setting. n counts what was drawn "
             "independently: samples, documents, orders. The last column is the smallest difference that four of five such runs "
             "would see. Sizes are not compared, since the settings differ.</p>\n<details><summary>every setting</summary>");
    write_claim_table(out, claims, "claim and setting");
    put(out, "</details>\n<h3>At a glance</h3>\n<div class=\"cards\">\n");
    cJSON_ArrayForEach(row, claims) page_claim_card(out, row);
    put(out, "</div>\n");
}

/* A table of several sets and their average, for each task that has one. */
static enum status write_averages(struct text *out, const cJSON *averages, struct error *err)
{
    const cJSON *average;
    enum status status = OK;
    cJSON_ArrayForEach(average, averages)
    {
        struct tables tables = {.words = true};
        if (status == OK)
            status = tables_from_report(&tables, average, false, err);
        put(out, "<h3>");
        text(out, words_task(json_text(average, "task")));
        put(out, ", the sets and their average</h3>\n");
        for (size_t i = 0; i < tables.n; i++)
            table_html(out, &tables.all[i]);
        tables_free(&tables);
    }
    return status;
}

enum status page_summary(struct text *out, const cJSON *reports, struct error *err)
{
    cJSON *settings = cJSON_CreateArray(), *averages = reports_average(reports);
    const cJSON *report;
    enum status status = OK;
    put(out, "<section aria-labelledby=\"summary\"><h2 id=\"summary\">Summary</h2>\n");
    write_compared(out, reports);
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = claims_add(settings, report, err);
    }
    cJSON_ArrayForEach(report, averages)
    {
        if (status == OK)
            status = claims_add(settings, report, err);
    }
    cJSON *claims = claims_judge(settings);
    if (claims->child != NULL)
        write_claims(out, claims);
    if (status == OK)
        status = write_averages(out, averages, err);
    cJSON_Delete(averages);
    cJSON_Delete(claims);
    cJSON_Delete(settings);
    put(out, "</section>\n");
    return status;
}
