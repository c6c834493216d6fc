/* chart_curves.c - series: lines with bands, histograms as steps, points, fits over the points that they were made from, and the
 * spread of many values as ranges; see chart_parts.h. */
#include "report/chart_parts.h"

#include "formats/json.h"
#include "report/html.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DODGE = 5,      /* pixels between the marks of two models at one place */
    DECADES = 20000 /* a histogram shows so much less than the largest value: its tail, not its beginning */
};

static bool is_kind(const struct chart *c, const char *kind)
{
    return strcmp(json_text(c->view, "kind"), kind) == 0;
}

/* Of a view of fits, "fit,loss": the first is the fit, the second was measured. */
static bool is_fit(const struct chart *c, const cJSON *s)
{
    size_t n = strcspn(json_text(c->view, "name"), ",");
    return is_kind(c, "fits") && strlen(json_text(s, "name")) == n &&
           strncmp(json_text(s, "name"), json_text(c->view, "name"), n) == 0;
}

struct point {
    double x, y, low, high;
};

/* The points of a series, whose four lists are walked side by side. The caller frees them. */
static struct point *points_of(const cJSON *s, size_t *n)
{
    const cJSON *x, *y = json_path(s, "y")->child, *low = json_path(s, "ci_low")->child, *high = json_path(s, "ci_high")->child;
    size_t i = 0;
    *n = (size_t)cJSON_GetArraySize(json_path(s, "x"));
    struct point *p = mem_array(*n, sizeof *p);
    cJSON_ArrayForEach(x, json_path(s, "x"))
    {
        p[i++] = (struct point){x->valuedouble, cJSON_GetNumberValue(y), cJSON_GetNumberValue(low), cJSON_GetNumberValue(high)};
        y = y ? y->next : NULL;
        low = low ? low->next : NULL;
        high = high ? high->next : NULL;
    }
    return p;
}

static void hold_series(struct axis *x, struct axis *y, const cJSON *s)
{
    size_t n;
    struct point *p = points_of(s, &n);
    for (size_t i = 0; i < n; i++) {
        axis_hold(x, p[i].x);
        axis_hold(y, p[i].y);
        axis_hold(y, p[i].low);
        axis_hold(y, p[i].high);
    }
    free(p);
}

/* The band between the ends of the intervals; a point without one counts as its own. */
static void draw_band(struct plot *p, const struct point *points, size_t n, size_t model)
{
    text_printf(p->out, "<polygon class=\"band m%zu\" points=\"", model % 6);
    for (size_t i = 0; i < 2 * n; i++) {
        const struct point *at = &points[i < n ? i : 2 * n - 1 - i];
        double end = i < n ? at->low : at->high;
        text_printf(p->out, "%.1f,%.1f ", plot_x(p, at->x), plot_y(p, isfinite(end) ? end : at->y));
    }
    text_puts(p->out, "\"/>");
}

static void draw_line(struct plot *p, const struct point *points, size_t n, size_t model, bool steps)
{
    text_printf(p->out, "<path class=\"line m%zu\" d=\"", model % 6);
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        double x = plot_x(p, points[i].x), y = plot_y(p, points[i].y);
        if (points[i].x < p->x.low)
            continue; /* of a histogram: the tail is in view */
        if (steps && !first)
            text_printf(p->out, "H%.1fV%.1f", x, y);
        else
            text_printf(p->out, "%s%.1f %.1f", first ? "M" : "L", x, y);
        first = false;
    }
    text_puts(p->out, "\"/>");
}

static void draw_points(struct plot *p, const cJSON *s, const struct point *points, size_t n, size_t model, double shift)
{
    for (size_t i = 0; i < n; i++) {
        struct text tip = {0};
        text_printf(&tip, "%s, %s ", json_text(s, "model"), json_text(s, "x_label"));
        words_count(&tip, points[i].x);
        chart_value_text(&tip, points[i].y, points[i].low, points[i].high);
        chart_mark(p, model, plot_x(p, points[i].x) + shift, plot_y(p, points[i].y), tip.data);
        text_free(&tip);
    }
}

/* The x of a curve's points are its ticks where they are few: the depths, shots or bits that were measured. */
static void choose_ticks(struct axis *a, const cJSON *group)
{
    const cJSON *s, *x;
    cJSON_ArrayForEach(s, group)
    {
        cJSON_ArrayForEach(x, json_path(s, "x"))
        {
            bool known = false;
            for (size_t i = 0; i < a->n_ticks; i++)
                known = known || a->ticks[i] == x->valuedouble;
            if (!known && a->n_ticks == AXIS_TICKS) {
                a->n_ticks = 0;
                return;
            }
            if (!known)
                a->ticks[a->n_ticks++] = x->valuedouble;
        }
    }
}

static void point_cell(struct text *out, const struct point *p)
{
    text_printf(out, "<td>%.5g", p->y);
    if (isfinite(p->low) && isfinite(p->high))
        text_printf(out, " <small>[%.4g, %.4g]</small>", p->low, p->high);
    text_puts(out, "</td>");
}

/* Columns: x, then each model's y with its interval. */
static void series_table(struct text *out, const cJSON *group)
{
    struct text place = {0};
    size_t n = (size_t)cJSON_GetArraySize(group), i = 0;
    struct point **points = mem_array(n, sizeof *points);
    size_t *counts = mem_array(n, sizeof *counts);
    const cJSON *s;
    text_puts(out, "<details><summary>table");
    words_where(&place, json_path(group->child, "where"));
    if (place.len > 0) {
        text_puts(out, ": ");
        html_text(out, place.data);
    }
    text_free(&place);
    text_puts(out, "</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">");
    html_text(out, json_text(group->child, "x_label"));
    text_puts(out, "</th>");
    cJSON_ArrayForEach(s, group)
    {
        points[i] = points_of(s, &counts[i]);
        text_puts(out, "<th scope=\"col\">");
        html_text(out, json_text(s, "model"));
        text_puts(out, "</th>");
        i++;
    }
    text_puts(out, "</tr></thead><tbody>");
    for (size_t row = 0; row < counts[0]; row++) {
        double x = points[0][row].x;
        text_puts(out, "<tr><th scope=\"row\">");
        words_count(out, x);
        text_puts(out, "</th>");
        for (i = 0; i < n; i++) {
            if (row < counts[i] && points[i][row].x == x)
                point_cell(out, &points[i][row]);
            else
                text_puts(out, "<td>-</td>");
        }
        text_puts(out, "</tr>");
    }
    text_puts(out, "</tbody></table></div></details>\n");
    for (i = 0; i < n; i++)
        free(points[i]);
    free(points);
    free(counts);
}

/* Without the curves that were fitted. */
static void measured_table(const struct chart *c, const cJSON *group)
{
    const cJSON *s;
    cJSON *measured = cJSON_CreateArray();
    cJSON_ArrayForEach(s, group)
    {
        if (!is_fit(c, s))
            cJSON_AddItemToArray(measured, cJSON_Duplicate(s, true));
    }
    if (measured->child != NULL)
        series_table(c->out, measured);
    cJSON_Delete(measured);
}

static void draw_series(const struct chart *c, struct plot *p, const cJSON *s)
{
    bool steps = is_kind(c, "steps"), line = !is_kind(c, "dots"), marks = !steps, band = line && !steps;
    size_t model = chart_model(c->report, json_text(s, "model")), models = chart_n_models(c->report), n;
    if (is_kind(c, "fits")) {
        line = band = is_fit(c, s);
        marks = !line;
    }
    struct point *points = points_of(s, &n);
    if (band)
        draw_band(p, points, n, model);
    if (line)
        draw_line(p, points, n, model, steps);
    if (marks)
        draw_points(p, s, points, n, model, DODGE * ((double)model - (double)(models - 1) / 2));
    free(points);
}

void chart_curves(const struct chart *c, const cJSON *group)
{
    const char *scale = json_text(group->child, "x_scale");
    bool steps = is_kind(c, "steps");
    struct plot p = {
        .out = c->out,
        .x = {.low = 1, .log = scale != NULL && strcmp(scale, "log") == 0, .label = json_text(group->child, "x_label")},
        .y = {.low = 1, .log = steps, .label = json_text(group->child, "y_label")}};
    struct axis ignored = p.x;
    const cJSON *s, *other;
    cJSON_ArrayForEach(other, c->groups)
    {
        cJSON_ArrayForEach(s, other) hold_series(other == group ? &p.x : &ignored, &p.y, s);
    }
    p.x.reversed = strncmp(p.x.label, "bits", 4) == 0; /* from whole numbers to the coarsest, as the paper has it */
    if (steps && p.x.log)
        p.x.low = fmax(p.x.low, p.x.high / DECADES);
    axis_round(&p.x);
    chart_scale(&p.y, json_text(group->child, "name"));
    if (!steps && !is_kind(c, "fits"))
        choose_ticks(&p.x, group);
    chart_open(c->out, json_text(c->view, "title"), json_path(group->child, "where"), NULL);
    plot_open(&p, json_text(c->view, "title"), false);
    cJSON_ArrayForEach(s, group) draw_series(c, &p, s);
    chart_references(c, &p, json_text(group->child, "name"), json_path(group->child, "where"));
    plot_close(&p);
    chart_reference_words(c, json_text(group->child, "name"), json_path(group->child, "where"));
    chart_legend(c->out, c->report);
    measured_table(c, group);
    text_puts(c->out, "</figure>\n");
}

/* Best, worst and all between them of one model at one place. */
static void draw_range(const struct chart *c, struct plot *p, const cJSON *s, double x)
{
    size_t model = chart_model(c->report, json_text(s, "model")), n;
    struct point *points = points_of(s, &n);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, points[i].y);
        high = fmax(high, points[i].y);
    }
    text_printf(c->out, "<path class=\"range m%zu\" d=\"M%.1f %.1fV%.1f\"/>", model % 6, x, plot_y(p, low), plot_y(p, high));
    for (size_t i = 0; i < n; i++) {
        struct text tip = {0};
        text_printf(&tip, "%s, %s %.6g: %.4g (best %.4g, worst %.4g)", json_text(s, "model"), json_text(s, "x_label"),
                    points[i].x, points[i].y, high, low);
        chart_mark(p, model, x, plot_y(p, points[i].y), tip.data);
        text_free(&tip);
    }
    text_printf(c->out, "<text class=\"strong\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>", x, PLOT_TOP + 10,
                high - low);
    free(points);
}

/* A line for each dimension, as many as there is room for. */
static void place_labels(struct plot *p, const cJSON *where, double x)
{
    enum { LINES = 2 };
    const cJSON *d;
    int line = 0;
    cJSON_ArrayForEach(d, where)
    {
        struct text words = {0};
        words_dimension(&words, d->string, d);
        if (line < LINES) {
            text_printf(p->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x,
                        PLOT_HEIGHT - PLOT_BOTTOM + 16 + 15 * line++);
            html_text(p->out, words.data);
            text_puts(p->out, "</text>");
        }
        text_free(&words);
    }
}

void chart_ranges(const struct chart *c)
{
    const cJSON *group, *s, *first = c->groups->child->child;
    size_t n = (size_t)cJSON_GetArraySize(c->groups), models = chart_n_models(c->report), i = 0;
    struct axis ignored = {.low = 1};
    struct plot p = {.out = c->out, .x = {.high = (double)n}, .y = {.low = 1, .label = json_text(first, "y_label")}};
    cJSON_ArrayForEach(group, c->groups)
    {
        cJSON_ArrayForEach(s, group) hold_series(&ignored, &p.y, s);
    }
    chart_scale(&p.y, json_text(first, "name"));
    chart_open(c->out, json_text(c->view, "title"), NULL, NULL);
    plot_open(&p, json_text(c->view, "title"), true);
    chart_references(c, &p, json_text(first, "name"), json_path(first, "where"));
    double slot = (double)(PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT) / (double)n;
    cJSON_ArrayForEach(group, c->groups)
    {
        double left = PLOT_LEFT + slot * (double)i++;
        place_labels(&p, json_path(group->child, "where"), left + slot / 2);
        cJSON_ArrayForEach(s, group) draw_range(
            c, &p, s, left + slot * ((double)chart_model(c->report, json_text(s, "model")) + 1) / (double)(models + 1));
    }
    plot_close(&p);
    chart_reference_words(c, json_text(first, "name"), json_path(first, "where"));
    text_puts(c->out, "<p class=\"soft\">At the top: best less worst.</p>");
    chart_legend(c->out, c->report);
    cJSON_ArrayForEach(group, c->groups) series_table(c->out, group);
    text_puts(c->out, "</figure>\n");
}
