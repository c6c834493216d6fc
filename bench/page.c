/* page.c - a page of one run of the bench: its rows, where the time goes, and rooflines (Williams, Waterman & Patterson 2009). */
#include "bench/bench.h"

#include "report/html.h"
#include "report/page.h"
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void cell(struct grid *g, const char *text)
{
    grid_add(g, "%s", text);
}

static void rate_cell(struct grid *g, double rate)
{
    grid_add(g, "%.*f", bench_digits(rate), rate);
}

static void write_rows(struct text *out, const cJSON *bench)
{
    const cJSON *row;
    struct table t = {.title = (char[]){"of each row: the median, as a ratio to the machine's limit in the same run"},
                      .grid = {.columns = 8}};
    struct grid *g = &t.grid;
    static const char *const head[] = {"work", "rate", "unit", "limit", "set by", "ratio", "asked", "spread"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cell(g, head[i]);
    cJSON_ArrayForEach(row, json_path(bench, "rows"))
    {
        cell(g, json_text(row, "name"));
        rate_cell(g, json_real(row, "rate"));
        cell(g, json_text(row, "unit"));
        rate_cell(g, json_real(row, "limit"));
        cell(g, json_text(row, "limit_name"));
        grid_add(g, "%.0f %%", 100 * json_real(row, "ratio"));
        if (json_has(row, "goal"))
            grid_add(g, "%.0f %%", 100 * json_real(row, "goal"));
        else
            cell(g, "");
        grid_add(g, "%.0f %%", 100 * json_real(row, "spread"));
    }
    table_html(out, &t);
    grid_free(g);
}

static bool same(const cJSON *a, const cJSON *b)
{
    return strcmp(json_text(a, "work"), json_text(b, "work")) == 0;
}

/* GFLOP/s that the machine allows at so many FLOPs a byte. */
static double roof(const cJSON *entry, double intensity)
{
    return fmin(json_real(entry, "peak_gflops"), intensity * json_real(entry, "read_gigabytes"));
}

static void draw_roof(struct plot *p, const cJSON *entry)
{
    double ridge = json_real(entry, "peak_gflops") / json_real(entry, "read_gigabytes");
    text_printf(p->out, "<path class=\"axis\" d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\"/>", plot_x(p, p->x.low),
                plot_y(p, roof(entry, p->x.low)), plot_x(p, ridge), plot_y(p, roof(entry, ridge)), plot_x(p, p->x.high),
                plot_y(p, roof(entry, p->x.high)));
}

static void draw_part(struct plot *p, const cJSON *entry, const cJSON *part, size_t colour)
{
    struct text tip = {0};
    double intensity = json_real(part, "intensity"), rate = json_real(part, "gflops"), share = json_real(part, "share");
    text_printf(&tip, "%s, %s: %.4g GFLOP/s, %.0f %% of the roof, %.0f %% of the time", json_text(entry, "model"),
                json_text(part, "part"), rate, 100 * rate / roof(entry, intensity), 100 * share);
    text_printf(p->out, "<circle class=\"m%zu\" fill-opacity=\"0.75\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", colour,
                plot_x(p, intensity), plot_y(p, rate), 3 + 12 * sqrt(share));
    plot_tip(p, tip.data);
    text_puts(p->out, "/>");
    text_free(&tip);
}

static bool close_by(const struct plot *p, const cJSON *a, const cJSON *b)
{
    return fabs(plot_x(p, json_real(a, "intensity")) - plot_x(p, json_real(b, "intensity"))) < 60 &&
           fabs(plot_y(p, json_real(a, "gflops")) - plot_y(p, json_real(b, "gflops"))) < 14;
}

/* The names of the parts that take time; those that lie together share a label. */
static void draw_labels(struct plot *p, const cJSON *parts)
{
    const cJSON *part, *other;
    cJSON_ArrayForEach(part, parts)
    {
        struct text label = {0};
        bool first = true;
        cJSON_ArrayForEach(other, parts)
        {
            if (json_real(other, "share") < 0.02 || !close_by(p, part, other))
                continue;
            if (label.len == 0 && other != part)
                first = false; /* an earlier part has labelled this place */
            text_printf(&label, "%s%s", label.len ? ", " : "", json_text(other, "part"));
        }
        if (first && label.len > 0) {
            double half = 3.5 * (double)label.len, x = plot_x(p, json_real(part, "intensity"));
            x = fmax(PLOT_LEFT + half, fmin(PLOT_WIDTH - PLOT_RIGHT - half, x));
            text_printf(p->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x,
                        plot_y(p, json_real(part, "gflops")) + 30);
            html_text(p->out, label.data);
            text_puts(p->out, "</text>");
        }
        text_free(&label);
    }
}

static void legend(struct text *out, const cJSON *layers, const cJSON *first)
{
    const cJSON *entry;
    size_t i = 0;
    text_puts(out, "<p class=\"legend\">");
    cJSON_ArrayForEach(entry, layers)
    {
        if (same(entry, first)) {
            text_printf(out, "<span class=\"m%zu\">", i++ % 6);
            html_text(out, json_text(entry, "model"));
            text_puts(out, "</span> ");
        }
    }
    text_puts(out, "</p>\n");
}

/* One picture of all models at the work of `first`. */
static void write_roofline(struct text *out, const cJSON *layers, const cJSON *first)
{
    struct plot p = {.out = out, .x = {1, 0, true, "FLOPs a byte that has to pass"}, .y = {1, 0, true, "GFLOP/s"}};
    const cJSON *entry, *part;
    size_t i = 0;
    cJSON_ArrayForEach(entry, layers)
    {
        cJSON_ArrayForEach(part, json_path(entry, "parts"))
        {
            axis_hold(&p.x, json_real(part, "intensity"));
            axis_hold(&p.y, json_real(part, "gflops"));
        }
        axis_hold(&p.y, json_real(entry, "peak_gflops"));
    }
    axis_hold(&p.x, p.x.low / 2);
    axis_hold(&p.x, p.x.high * 2);
    axis_hold(&p.y, p.y.low / 3);
    axis_round(&p.x);
    axis_round(&p.y);
    text_puts(out, "<figure><figcaption>Roofline: ");
    html_text(out, json_text(first, "work"));
    text_puts(out, "<small>circles: parts of the forward pass, as large as their share of the time; line: what the machine "
                   "allows</small></figcaption>\n");
    legend(out, layers, first);
    plot_open(&p, "Roofline", false);
    draw_roof(&p, first);
    cJSON_ArrayForEach(entry, layers)
    {
        if (!same(entry, first))
            continue;
        cJSON_ArrayForEach(part, json_path(entry, "parts")) draw_part(&p, entry, part, i % 6);
        i++;
    }
    draw_labels(&p, json_path(first, "parts"));
    plot_close(&p);
    text_puts(out, "</figure>\n");
}

static void write_times(struct text *out, const cJSON *layers, const cJSON *first)
{
    const cJSON *entry, *part;
    struct table t = {.title = (char *)json_text(first, "work"), .grid = {.columns = 6}};
    static const char *const head[] = {"part", "model", "time", "GFLOP/s", "GB/s", "of the roof"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cell(&t.grid, head[i]);
    for (int i = 0; i < cJSON_GetArraySize(json_path(first, "parts")); i++)
        cJSON_ArrayForEach(entry, layers)
        {
            part = cJSON_GetArrayItem(json_path(entry, "parts"), i);
            if (!same(entry, first) || part == NULL)
                continue;
            cell(&t.grid, json_text(part, "part"));
            cell(&t.grid, json_text(entry, "model"));
            grid_add(&t.grid, "%.1f ms, %.0f %%", 1e3 * json_real(part, "seconds"), 100 * json_real(part, "share"));
            grid_add(&t.grid, "%.1f", json_real(part, "gflops"));
            grid_add(&t.grid, "%.1f", json_real(part, "gigabytes_per_second"));
            grid_add(&t.grid, "%.0f %%", 100 * json_real(part, "gflops") / roof(entry, json_real(part, "intensity")));
        }
    table_html(out, &t);
    grid_free(&t.grid);
}

/* The entries that are the first of their work. */
static bool first_of_work(const cJSON *layers, const cJSON *entry)
{
    const cJSON *before;
    cJSON_ArrayForEach(before, layers)
    {
        if (same(before, entry))
            return before == entry;
    }
    return false;
}

enum status bench_page(const char *path, const char *name, const cJSON *bench, struct error *err)
{
    struct text out = {0};
    const cJSON *layers = json_path(bench, "layers"), *entry;
    if (!cJSON_IsArray(json_path(bench, "rows")) || !cJSON_IsArray(layers))
        return error_set(err, ERR_INPUT, "%s: key rows or layers is missing, expected what difftf-bench --json wrote", name);
    page_open(&out, "Speed of difftf-eval on this machine", NULL);
    text_printf(
        &out,
        "<p class=\"soft\">%.0f threads; multiplications and additions in registers run at %.1f GFLOP/s, reading memory at "
        "%.1f GB/s.</p></header>\n<main>\n<section><h2>Where the time goes</h2>\n<div class=\"figures\">\n",
        json_real(bench, "machine.threads"), json_real(bench, "machine.peak_gflops"), json_real(bench, "machine.read_gigabytes"));
    cJSON_ArrayForEach(entry, layers)
    {
        if (first_of_work(layers, entry))
            write_roofline(&out, layers, entry);
    }
    text_puts(&out, "</div>\n");
    cJSON_ArrayForEach(entry, layers)
    {
        if (first_of_work(layers, entry))
            write_times(&out, layers, entry);
    }
    text_puts(&out, "</section>\n<section><h2>Rows</h2>\n");
    write_rows(&out, bench);
    text_puts(&out, "</section>\n");
    page_close(&out, NULL);
    return page_save(path, &out, OK, err);
}
