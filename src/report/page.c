/* page.c - see page.h. */
#include "report/page.h"

#include "base/file.h"
#include "formats/json.h"
#include "report/chart.h"
#include "report/compare.h"
#include "report/html.h"
#include "report/page_parts.h"
#include "report/words.h"

#include <nettle/base64.h>
#include <nettle/sha2.h>
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

static void write_anchor(struct text *out, const cJSON *report, int index)
{
    html_text(out, json_text(report, "task"));
    text_printf(out, "-%d", index + 1);
}

static void write_notes(struct text *out, const cJSON *report)
{
    const cJSON *note, *notes = json_path(report, "notes"), *earlier;
    put(out, notes != NULL && notes->child != NULL ? "<ul class=\"notes\">\n" : "");
    cJSON_ArrayForEach(note, notes)
    {
        bool said = false;
        for (earlier = notes->child; earlier != note; earlier = earlier->next)
            said = said || strcmp(earlier->valuestring, note->valuestring) == 0;
        if (said)
            continue;
        put(out, "<li>");
        text(out, note->valuestring);
        put(out, "</li>\n");
    }
    put(out, notes != NULL && notes->child != NULL ? "</ul>\n" : "");
}

static enum status write_report(struct text *out, const cJSON *report, int index, struct error *err)
{
    const cJSON *view;
    struct tables tables = {.words = true};
    size_t figures = 0;
    put(out, "<section aria-labelledby=\"");
    write_anchor(out, report, index);
    put(out, "\"><h2 id=\"");
    write_anchor(out, report, index);
    put(out, "\">");
    text(out, words_task(json_text(report, "task")));
    put(out, "</h2>\n");
    write_notes(out, report);
    put(out, "<div class=\"figures\">\n");
    enum status status = OK;
    cJSON_ArrayForEach(view, json_path(report, "views"))
    {
        if (status == OK)
            status = charts_from_view(out, report, view, &figures, err);
    }
    put(out, "</div>\n");
    page_items(out, report, index);
    put(out, "<details><summary>every table</summary>\n");
    if (status == OK)
        status = tables_from_report(&tables, report, false, err);
    for (size_t i = 0; status == OK && i < tables.n; i++)
        table_html(out, &tables.all[i]);
    if (status == OK)
        tables_free(&tables);
    char *options = cJSON_Print(json_path(report, "options"));
    put(out, "</details>\n<details><summary>options</summary><pre>");
    text(out, options);
    put(out, "</pre></details>\n</section>\n");
    free(options);
    return status;
}

static void put_lines(struct text *out, const char *const *lines)
{
    for (; *lines != NULL; lines++)
        put(out, *lines);
}

/* 'sha256-..' of what stands in an element, as a Content-Security-Policy names it. */
static void allow(struct text *out, const char *const *lines)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char base64[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = "";
    sha256_init(&context);
    for (; *lines != NULL; lines++)
        sha256_update(&context, strlen(*lines), (const uint8_t *)*lines);
    sha256_digest(&context, sizeof digest, digest);
    base64_encode_raw(base64, sizeof digest, digest);
    text_printf(out, " 'sha256-%s'", base64);
}

static void put_script(struct text *out, const char *const *lines)
{
    put(out, "<script>");
    put_lines(out, lines);
    put(out, "</script>\n");
}

void page_open(struct text *out, const char *title, const char *const *script)
{
    put(out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
        "'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src");
    allow(out, PAGE_STYLE);
    put(out, "; script-src");
    allow(out, PAGE_SCRIPT);
    if (script != NULL)
        allow(out, script);
    put(out, "\">\n<title>");
    text(out, title);
    put(out, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>");
    put_lines(out, PAGE_STYLE);
    put(out, "</style></head><body>\n<header><h1>");
    text(out, title);
    put(out, "</h1>\n");
}

void page_close(struct text *out, const char *const *script)
{
    put(out, "</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n");
    put_script(out, PAGE_SCRIPT);
    if (script != NULL)
        put_script(out, script);
    put(out, "</body></html>\n");
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
    page_open(out, title, NULL);
    put(out, "<p class=\"soft\">Transformers and Diff Transformers compared by difftf-eval, after the evaluations of arXiv "
             "2410.05258. Intervals are 95 %.</p>\n<nav aria-label=\"Evaluations\"><ul>");
    cJSON_ArrayForEach(report, reports)
    {
        put(out, "<li><a href=\"#");
        write_anchor(out, report, i++);
        put(out, "\">");
        text(out, words_task(json_text(report, "task")));
        put(out, "</a></li>");
    }
    put(out, "</ul></nav></header>\n<main>\n");
    enum status status = page_summary(out, reports, err);
    i = 0;
    cJSON_ArrayForEach(report, reports)
    {
        if (status == OK)
            status = write_report(out, report, i++, err);
    }
    page_close(out, NULL);
    return status;
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

enum status page_write(const char *path, const char *title, cJSON *reports, struct error *err)
{
    struct text out = {0};
    drop_rescored(reports);
    return page_save(path, &out, write_body(&out, title, reports, err), err);
}

enum status page_read(cJSON *reports, const cJSON *paths, struct error *err)
{
    const cJSON *name;
    enum status status = OK;
    cJSON_ArrayForEach(name, paths)
    {
        cJSON *report = NULL;
        if (status == OK)
            status = report_read(&report, name->valuestring, err);
        if (report != NULL) {
            cJSON_AddStringToObject(report, PAGE_SOURCE, name->valuestring);
            cJSON_AddItemToArray(reports, report);
        }
    }
    return status;
}

enum status page_write_files(const char *path, const char *title, const cJSON *paths, struct error *err)
{
    cJSON *reports = cJSON_CreateArray();
    enum status status = page_read(reports, paths, err);
    if (status == OK)
        status = page_write(path, title, reports, err);
    cJSON_Delete(reports);
    return status;
}
