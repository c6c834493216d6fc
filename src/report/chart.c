/* chart.c - see chart.h. */
#include "report/chart.h"

#include "formats/json.h"
#include "report/chart_groups.h"
#include "report/html.h"
#include "report/plot.h"
#include "report/report.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const cJSON *row)
{
    return json_text(row, "name");
}

/* Which of the report's models a row is about: its colour. */
static size_t colour_of(const cJSON *report, const cJSON *row)
{
    const cJSON *m;
    size_t i = 0;
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        if (strcmp(json_text(m, "name"), json_text(row, "model")) == 0)
            return i;
        i++;
    }
    return 0;
}

static void open_figure(struct text *out, const char *title, const cJSON *where)
{
    struct text place = {0};
    where_text(&place, where);
    text_puts(out, "<figure><figcaption>");
    html_text(out, title);
    if (place.len > 0) {
        text_puts(out, "<small>");
        html_text(out, place.data);
        text_puts(out, "</small>");
    }
    text_puts(out, "</figcaption>\n");
    text_free(&place);
}

static void legend(struct text *out, const cJSON *report)
{
    const cJSON *m;
    size_t i = 0;
    text_puts(out, "<p class=\"legend\">");
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        text_printf(out, "<span class=\"m%zu\">", i++ % 6);
        html_text(out, json_text(m, "name"));
        text_puts(out, "</span> ");
    }
    text_puts(out, "</p>\n");
}

static void tip_text(struct text *out, const char *model, const char *x_label, double x, double y, double low, double high)
{
    text_printf(out, "%s, %s %.6g: %.4g", model, x_label, x, y);
    if (isfinite(low) && isfinite(high) && (low != y || high != y))
        text_printf(out, " [%.4g, %.4g]", low, high);
}

/* Curves */

static void hold_series(struct plot *p, const cJSON *s)
{
    const cJSON *x, *y = json_path(s, "y")->child, *low = json_path(s, "ci_low")->child, *high = json_path(s, "ci_high")->child;
    cJSON_ArrayForEach(x, json_path(s, "x"))
    {
        axis_hold(&p->x, x->valuedouble);
        axis_hold(&p->y, cJSON_GetNumberValue(y));
        axis_hold(&p->y, cJSON_GetNumberValue(low));
        axis_hold(&p->y, cJSON_GetNumberValue(high));
        y = y ? y->next : NULL;
        low = low ? low->next : NULL;
        high = high ? high->next : NULL;
    }
}

/* One end of the intervals along a curve, forth or back; `prev` of a list's first element is its last. */
static void draw_edge(struct plot *p, const cJSON *series, const char *which, bool back)
{
    const cJSON *x = json_path(series, "x")->child, *y = json_path(series, "y")->child, *end = json_path(series, which)->child;
    for (int left = cJSON_GetArraySize(json_path(series, "x")); left > 0; left--) {
        if (back) {
            x = x->prev;
            y = y->prev;
            end = end->prev;
        }
        /* no interval: the point itself */
        text_printf(p->out, "%.1f,%.1f ", plot_x(p, x->valuedouble), plot_y(p, (cJSON_IsNumber(end) ? end : y)->valuedouble));
        if (!back) {
            x = x->next;
            y = y->next;
            end = end->next;
        }
    }
}

/* The band between the ends of the intervals. */
static void draw_band(struct plot *p, const cJSON *s, size_t colour)
{
    text_printf(p->out, "<polygon class=\"band m%zu\" points=\"", colour % 6);
    draw_edge(p, s, "ci_low", false);
    draw_edge(p, s, "ci_high", true);
    text_puts(p->out, "\"/>");
}

static void draw_line(struct plot *p, const cJSON *s, size_t colour, bool steps)
{
    const cJSON *x, *y = json_path(s, "y")->child;
    bool first = true;
    text_printf(p->out, "<path class=\"line m%zu\" d=\"", colour % 6);
    cJSON_ArrayForEach(x, json_path(s, "x"))
    {
        double px = plot_x(p, x->valuedouble), py = plot_y(p, y->valuedouble);
        if (steps && !first)
            text_printf(p->out, "H%.1fV%.1f", px, py);
        else
            text_printf(p->out, "%s%.1f %.1f", first ? "M" : "L", px, py);
        first = false;
        y = y->next;
    }
    text_puts(p->out, "\"/>");
}

static void draw_points(struct plot *p, const cJSON *s, size_t colour, const char *x_label)
{
    const cJSON *x, *y = json_path(s, "y")->child, *low = json_path(s, "ci_low")->child, *high = json_path(s, "ci_high")->child;
    cJSON_ArrayForEach(x, json_path(s, "x"))
    {
        struct text tip = {0};
        tip_text(&tip, json_text(s, "model"), x_label, x->valuedouble, y->valuedouble, cJSON_GetNumberValue(low),
                 cJSON_GetNumberValue(high));
        text_printf(p->out, "<circle class=\"m%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"", colour % 6, plot_x(p, x->valuedouble),
                    plot_y(p, y->valuedouble));
        plot_tip(p, tip.data);
        text_puts(p->out, "/>");
        text_free(&tip);
        y = y->next;
        low = low->next;
        high = high->next;
    }
}

/* A point of a curve: its place in the four lists, which are walked side by side. */
struct point {
    const cJSON *x, *y, *low, *high;
};

static struct point first_point(const cJSON *s)
{
    return (struct point){json_path(s, "x")->child, json_path(s, "y")->child, json_path(s, "ci_low")->child,
                          json_path(s, "ci_high")->child};
}

static void point_cell(struct text *out, const struct point *p, double x)
{
    if (p->x == NULL || p->x->valuedouble != x) {
        text_puts(out, "<td>-</td>");
        return;
    }
    text_printf(out, "<td>%.5g", p->y->valuedouble);
    if (cJSON_IsNumber(p->low) && cJSON_IsNumber(p->high))
        text_printf(out, " <small>[%.4g, %.4g]</small>", p->low->valuedouble, p->high->valuedouble);
    text_puts(out, "</td>");
}

/* Columns: x, then each model's y with its interval. */
static void series_table(struct text *out, const cJSON *group)
{
    const cJSON *s, *x;
    size_t n = 0;
    struct point *points = calloc((size_t)cJSON_GetArraySize(group), sizeof *points);
    text_puts(out, "<details><summary>table</summary><div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th scope=\"col\">");
    html_text(out, json_text(group->child, "x_label"));
    text_puts(out, "</th>");
    cJSON_ArrayForEach(s, group)
    {
        points[n++] = first_point(s);
        text_puts(out, "<th scope=\"col\">");
        html_text(out, json_text(s, "model"));
        text_puts(out, "</th>");
    }
    text_puts(out, "</tr></thead><tbody>");
    cJSON_ArrayForEach(x, json_path(group->child, "x"))
    {
        text_printf(out, "<tr><th scope=\"row\">%.6g</th>", x->valuedouble);
        for (struct point *p = points; p < points + n; p++) {
            point_cell(out, p, x->valuedouble);
            if (p->x != NULL)
                *p = (struct point){p->x->next, p->y->next, p->low->next, p->high->next};
        }
        text_puts(out, "</tr>");
    }
    free(points);
    text_puts(out, "</tbody></table></div></details>\n");
}

/* One figure of curves that share their place: group is an array of (references to) series. */
static void draw_curves(struct text *out, const cJSON *report, const cJSON *view, const cJSON *group)
{
    const char *kind = json_text(view, "kind"), *scale = json_text(group->child, "x_scale");
    bool steps = strcmp(kind, "steps") == 0, dots = strcmp(kind, "dots") == 0;
    struct plot p = {.out = out,
                     .x = {1, 0, scale != NULL && strcmp(scale, "log") == 0, json_text(group->child, "x_label")},
                     .y = {1, 0, steps, json_text(group->child, "y_label")}};
    const cJSON *s;
    cJSON_ArrayForEach(s, group) hold_series(&p, s);
    axis_round(&p.x);
    axis_round(&p.y);
    open_figure(out, json_text(view, "title"), json_path(group->child, "where"));
    plot_open(&p, json_text(view, "title"), false);
    cJSON_ArrayForEach(s, group)
    {
        size_t colour = colour_of(report, s);
        if (!dots && !steps)
            draw_band(&p, s, colour);
        if (!dots)
            draw_line(&p, s, colour, steps);
        draw_points(&p, s, colour, json_text(s, "x_label"));
    }
    plot_close(&p);
    legend(out, report);
    series_table(out, group);
    text_puts(out, "</figure>\n");
}

static void value_text(struct text *out, const cJSON *value)
{
    if (cJSON_IsNumber(value))
        text_printf(out, "%.6g", value->valuedouble);
    else
        text_puts(out, cJSON_IsString(value) ? value->valuestring : "");
}

static const cJSON *row_at(const cJSON *group, const char *model, const char *x, const cJSON *x_value, const char *y,
                           const cJSON *y_value)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, json_path(group, "rows"))
    {
        const cJSON *where = json_path(row, "where");
        if (strcmp(json_text(row, "model"), model) == 0 && cJSON_Compare(json_path(where, x), x_value, true) &&
            (y == NULL || cJSON_Compare(json_path(where, y), y_value, true)))
            return row;
    }
    return NULL;
}

static void view_table(struct text *out, const cJSON *report, const cJSON *view)
{
    struct tables t = {0};
    struct error ignored;
    if (tables_from_view(&t, report, view, &ignored) == OK && t.n > 0) {
        text_puts(out, "<details><summary>table</summary>");
        for (size_t i = 0; i < t.n; i++)
            table_html(out, &t.all[i]);
        text_puts(out, "</details>\n");
    }
    tables_free(&t);
}

static void draw_bars(struct text *out, const cJSON *report, const cJSON *view, const cJSON *group)
{
    bool parts = strcmp(json_text(view, "kind"), "parts") == 0;
    const char *x = parts ? "part" : json_text(view, "x");
    const cJSON *values = json_path(group, "x"), *value, *m, *row;
    size_t n = (size_t)cJSON_GetArraySize(values), models = (size_t)cJSON_GetArraySize(json_path(report, "models")), i = 0;
    char label_y[64];
    snprintf(label_y, sizeof label_y, "%s", parts ? "share of the attention" : name_of(view));
    for (char *c = label_y; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    struct plot p = {.out = out, .x = {0, (double)n, false, x}, .y = {0, 0, false, label_y}};
    cJSON_ArrayForEach(row, json_path(group, "rows"))
    {
        axis_hold(&p.y, json_real(row, "value"));
        axis_hold(&p.y, json_real(row, "ci.1"));
    }
    axis_round(&p.y);
    open_figure(out, json_text(view, "title"), json_path(group, "rest"));
    plot_open(&p, json_text(view, "title"), true);
    double slot = (double)(PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT) / (double)n, width = slot * 0.8 / (double)models;
    cJSON_ArrayForEach(value, values)
    {
        size_t k = 0;
        struct text label = {0};
        value_text(&label, value);
        double left = PLOT_LEFT + slot * (double)i++ + slot * 0.1;
        text_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", left + slot * 0.4, PLOT_HEIGHT - PLOT_BOTTOM + 16);
        html_text(out, label.data);
        text_puts(out, "</text>");
        cJSON_ArrayForEach(m, json_path(report, "models"))
        {
            row = row_at(group, json_text(m, "name"), x, value, NULL, NULL);
            if (row != NULL) {
                struct text tip = {0};
                double top = plot_y(&p, json_real(row, "value")), zero = plot_y(&p, 0), at = left + width * (double)k;
                bool known = isfinite(json_real(row, "ci.0"));
                text_printf(&tip, "%s, %s %s: %.4g", json_text(m, "name"), x, label.data, json_real(row, "value"));
                if (known)
                    text_printf(&tip, " [%.4g, %.4g]", json_real(row, "ci.0"), json_real(row, "ci.1"));
                text_printf(out, "<rect class=\"m%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", k % 6, at,
                            fmin(top, zero), width * 0.92, fabs(zero - top) + 0.5);
                plot_tip(&p, tip.data);
                text_puts(out, "/>");
                if (known)
                    text_printf(out, "<path class=\"whisker\" d=\"M%.1f %.1fV%.1f\"/>", at + width * 0.46,
                                plot_y(&p, json_real(row, "ci.0")), plot_y(&p, json_real(row, "ci.1")));
                text_free(&tip);
            }
            k++;
        }
        text_free(&label);
    }
    plot_close(&p);
    legend(out, report);
    view_table(out, report, view);
    text_puts(out, "</figure>\n");
}

/* From pale to the model's full colour; a difference from one colour over white to the other. */
static void cell_colour(double t, bool difference, int rgb[3])
{
    static const int pale[3] = {238, 242, 247}, full[3] = {11, 79, 138}, low[3] = {178, 73, 24}, white[3] = {247, 247, 247};
    const int *to = difference && t < 0 ? low : full, *from = difference ? white : pale;
    t = fmin(1, fabs(t));
    for (int i = 0; i < 3; i++)
        rgb[i] = (int)lround(from[i] + (to[i] - from[i]) * t);
}

struct heat {
    const cJSON *group;
    const char *x, *y, *model, *baseline; /* baseline: the panel is a difference */
    double largest;
};

static double heat_value(const struct heat *h, const cJSON *x, const cJSON *y)
{
    double v = json_real(row_at(h->group, h->model, h->x, x, h->y, y), "value");
    return h->baseline ? v - json_real(row_at(h->group, h->baseline, h->x, x, h->y, y), "value") : v;
}

static void draw_panel(struct text *out, const struct heat *h)
{
    const cJSON *xs = json_path(h->group, "x"), *ys = json_path(h->group, "y"), *x, *y;
    int columns = cJSON_GetArraySize(xs), rows = cJSON_GetArraySize(ys), row = 0;
    enum { LEFT = 52, TOP = 24, CELL_HEIGHT = 30 };
    double width = (double)(PLOT_WIDTH - LEFT - PLOT_RIGHT) / columns;
    width = width > 110 ? 110 : width;
    struct plot p = {.out = out};
    text_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"group\" aria-label=\"", PLOT_WIDTH, TOP + CELL_HEIGHT * rows + 36);
    html_text(out, h->model);
    text_printf(out, "\"><text class=\"strong\" x=\"%d\" y=\"16\">", LEFT);
    html_text(out, h->model);
    if (h->baseline != NULL) {
        text_puts(out, " - ");
        html_text(out, h->baseline);
    }
    text_puts(out, "</text>");
    cJSON_ArrayForEach(y, ys)
    {
        int column = 0;
        double top = TOP + CELL_HEIGHT * row++;
        text_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 6, top + 19);
        value_text(out, y);
        text_puts(out, "</text>");
        cJSON_ArrayForEach(x, xs)
        {
            double v = heat_value(h, x, y), left = LEFT + width * column++;
            struct text tip = {0};
            int rgb[3];
            if (!isfinite(v))
                continue;
            cell_colour(v / (h->largest > 0 ? h->largest : 1), h->baseline != NULL, rgb);
            text_printf(&tip, "%s%s%s, %s ", h->model, h->baseline ? " - " : "", h->baseline ? h->baseline : "", h->x);
            value_text(&tip, x);
            text_printf(&tip, ", %s ", h->y);
            value_text(&tip, y);
            text_printf(&tip, h->baseline ? ": %+.3f" : ": %.3f", v);
            text_printf(out,
                        "<rect class=\"cell\" style=\"fill:rgb(%d,%d,%d)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"",
                        rgb[0], rgb[1], rgb[2], left, top, width - 2, CELL_HEIGHT - 2);
            plot_tip(&p, tip.data);
            text_printf(out, "/><text class=\"in\" style=\"fill:%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                        rgb[0] + 2 * rgb[1] < 380 ? "#fff" : "#111", left + width / 2 - 1, top + 19);
            text_printf(out, h->baseline ? "%+.2f</text>" : "%.2f</text>", v);
            text_free(&tip);
        }
    }
    int column = 0;
    cJSON_ArrayForEach(x, xs)
    {
        text_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", LEFT + width * (column++ + 0.5),
                    TOP + CELL_HEIGHT * rows + 14);
        value_text(out, x);
        text_puts(out, "</text>");
    }
    text_printf(out, "<text x=\"%d\" y=\"%d\">", LEFT, TOP + CELL_HEIGHT * rows + 30);
    html_text(out, h->x);
    text_printf(out, "</text><text transform=\"rotate(-90)\" x=\"%d\" y=\"12\" text-anchor=\"middle\">",
                -(TOP + CELL_HEIGHT * rows / 2));
    html_text(out, h->y);
    text_puts(out, "</text></svg>\n");
}

static void draw_heatmap(struct text *out, const cJSON *report, const cJSON *view, const cJSON *group)
{
    struct heat h = {.group = group, .x = json_text(view, "x"), .y = json_text(view, "y")};
    const char *baseline = json_text(report, "comparisons.0.baseline");
    const cJSON *m, *row;
    cJSON_ArrayForEach(row, json_path(group, "rows")) h.largest = fmax(h.largest, fabs(json_real(row, "value")));
    open_figure(out, json_text(view, "title"), json_path(group, "rest"));
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        h.model = json_text(m, "name");
        draw_panel(out, &h);
    }
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        h.model = json_text(m, "name");
        h.baseline = baseline;
        if (baseline != NULL && strcmp(h.model, baseline) != 0)
            draw_panel(out, &h);
    }
    cJSON *as_table = cJSON_Duplicate(view, true); /* the rows of the table are depths, or what y is */
    cJSON_ReplaceItemInObjectCaseSensitive(as_table, "x", cJSON_CreateString(h.y));
    view_table(out, report, as_table);
    cJSON_Delete(as_table);
    text_puts(out, "</figure>\n");
}

static const struct {
    const char *kind;
    void (*draw)(struct text *out, const cJSON *report, const cJSON *view, const cJSON *group);
    bool series;
} KINDS[] = {{"lines", draw_curves, true}, {"steps", draw_curves, true}, {"dots", draw_curves, true},
             {"bars", draw_bars, false},   {"parts", draw_bars, false},  {"heatmap", draw_heatmap, false}};

enum status charts_from_view(struct text *out, const cJSON *report, const cJSON *view, size_t *n, struct error *err)
{
    const char *kind = json_text(view, "kind"), *name = json_text(view, "name");
    for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
        if (kind == NULL || name == NULL || strcmp(KINDS[k].kind, kind) != 0)
            continue;
        cJSON *groups = KINDS[k].series ? chart_group_series(report, name)
                        : strcmp(kind, "parts") == 0
                            ? chart_group_parts(report, name)
                            : chart_group_metrics(report, name, json_text(view, "x"), json_text(view, "y"));
        const cJSON *group;
        cJSON_ArrayForEach(group, groups)
        {
            KINDS[k].draw(out, report, view, group);
            (*n)++;
        }
        cJSON_Delete(groups);
    }
    return out->data != NULL || *n == 0 ? OK : error_set(err, ERR_SYSTEM, "page: out of memory");
}
