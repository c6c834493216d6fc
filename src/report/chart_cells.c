/* chart_cells.c - metrics over their dimensions: bars and heat maps; see chart_parts.h. */
#include "report/chart_parts.h"

#include "formats/json.h"
#include "report/chart_groups.h"
#include "report/html.h"
#include "report/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void axis_text(struct text *out, const cJSON *value)
{
    struct text words = {0};
    words_value(&words, value);
    html_text(out, words.data ? words.data : "");
    text_free(&words);
}

/* Bars */

/* What a group of bars is called, in two lines where one is wider than its slot. */
static void draw_category(struct text *out, const cJSON *value, double middle, double slot)
{
    enum { CHARACTER = 6, LINE = 12, BELOW = PLOT_HEIGHT - PLOT_BOTTOM + 13 };
    struct text words = {0};
    words_value(&words, value);
    const char *label = words.data ? words.data : "", *cut = strchr(label, ' ');
    if (CHARACTER * (double)strlen(label) <= slot)
        cut = NULL;
    char *first = strndup(label, cut ? (size_t)(cut - label) : strlen(label));
    text_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", middle, BELOW);
    html_text(out, first);
    if (cut != NULL) {
        text_printf(out, "<tspan x=\"%.1f\" dy=\"%d\">", middle, LINE);
        html_text(out, cut + 1);
        text_puts(out, "</tspan>");
    }
    text_puts(out, "</text>");
    free(first);
    text_free(&words);
}

static void draw_bar(const struct chart *c, struct plot *p, const cJSON *row, const char *label, double left, double width)
{
    struct text tip = {0};
    size_t model = chart_model(c->report, json_text(row, "model"));
    double value = json_real(row, "value"), top = plot_y(p, value), zero = plot_y(p, 0);
    text_printf(&tip, "%s, %s", json_text(row, "model"), label);
    chart_value_text(&tip, value, json_real(row, "ci.0"), json_real(row, "ci.1"));
    text_printf(c->out, "<rect class=\"m%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", model % 6, left,
                fmin(top, zero), width * 0.92, fabs(zero - top) + 0.5);
    plot_tip(p, tip.data);
    text_puts(c->out, "/>");
    if (isfinite(json_real(row, "ci.0")))
        text_printf(c->out, "<path class=\"whisker\" d=\"M%.1f %.1fV%.1f\"/>", left + width * 0.46,
                    plot_y(p, json_real(row, "ci.0")), plot_y(p, json_real(row, "ci.1")));
    if (width > 28) {
        text_printf(c->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", left + width * 0.46,
                    plot_y(p, fmax(fmax(value, json_real(row, "ci.1")), 0)) - 4);
        text_printf(c->out, fabs(value) < 10 ? "%.2f</text>" : "%.3g</text>", fabs(value) < 0.005 ? 0.0 : value);
    }
    text_free(&tip);
}

/* Of several metrics of a view, "attention_answer,attention_noise", the group at the same place. */
static void hold_rows(struct axis *y, const cJSON *groups)
{
    const cJSON *group, *row;
    cJSON_ArrayForEach(group, groups)
    {
        cJSON_ArrayForEach(row, json_path(group, "rows"))
        {
            axis_hold(y, json_real(row, "value"));
            axis_hold(y, json_real(row, "ci.0"));
            axis_hold(y, json_real(row, "ci.1"));
        }
    }
}

static void draw_bars(const struct chart *c, const cJSON *group, const char *name, const char *x)
{
    const cJSON *values = json_path(group, "x"), *value, *m;
    size_t n = (size_t)cJSON_GetArraySize(values), models = chart_n_models(c->report), i = 0;
    struct text label = {0};
    words_metric(&label, strcmp(name, "part") == 0 ? "share of the attention" : name);
    struct plot p = {.out = c->out,
                     .x = {.high = (double)n, .label = strcmp(name, "part") == 0 ? "part of the prompt" : words_axis(x)},
                     .y = {.low = 0, .high = 0, .label = label.data}};
    hold_rows(&p.y, c->groups);
    chart_scale(&p.y, name);
    plot_open(&p, label.data, true);
    double slot = (double)(PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT) / (double)n, width = slot * 0.8 / (double)models;
    cJSON_ArrayForEach(value, values)
    {
        struct text place = {0};
        double left = PLOT_LEFT + slot * (double)i++ + slot * 0.1;
        words_dimension(&place, x, value);
        draw_category(c->out, value, left + slot * 0.4, slot);
        cJSON_ArrayForEach(m, json_path(c->report, "models"))
        {
            const cJSON *row = row_at(group, json_text(m, "name"), x, value, NULL, NULL);
            if (row != NULL)
                draw_bar(c, &p, row, place.data, left + width * (double)chart_model(c->report, json_text(m, "name")), width);
        }
        text_free(&place);
    }
    chart_references(c, &p, name, json_path(group, "rest"));
    plot_close(&p);
    chart_reference_words(c, name, json_path(group, "rest"));
    text_free(&label);
}

/* Several metrics of a view stand beside one another on one scale. */
static void draw_beside(const struct chart *c, const cJSON *group)
{
    const cJSON *names = json_path(group, "names"), *name, *panel, *row;
    text_puts(c->out, "<div class=\"panels\">");
    cJSON_ArrayForEach(name, names)
    {
        cJSON *one = cJSON_Duplicate(group, true), *rows = cJSON_CreateArray();
        cJSON_ArrayForEach(row, json_path(group, "rows"))
        {
            if (strcmp(json_text(row, "name"), name->valuestring) == 0)
                cJSON_AddItemToArray(rows, cJSON_Duplicate(row, true));
        }
        cJSON_ReplaceItemInObjectCaseSensitive(one, "rows", rows);
        panel = one;
        text_puts(c->out, "<div>");
        draw_bars(c, panel, name->valuestring, json_text(c->view, "x"));
        text_puts(c->out, "</div>");
        cJSON_Delete(one);
    }
    text_puts(c->out, "</div>");
}

void chart_bars(const struct chart *c, const cJSON *group)
{
    bool parts = strcmp(json_text(c->view, "kind"), "parts") == 0;
    bool beside = cJSON_GetArraySize(json_path(group, "names")) > 1;
    chart_open(c->out, json_text(c->view, "title"), json_path(group, "rest"), beside ? "pair" : NULL);
    if (beside)
        draw_beside(c, group);
    else
        draw_bars(c, group, parts ? "part" : json_text(c->view, "name"), parts ? "part" : json_text(c->view, "x"));
    chart_close(c, c->view);
}

/* Heat maps */

struct heat {
    const struct chart *c;
    const cJSON *group;
    const char *x, *y, *model, *baseline; /* baseline: the panel is a difference */
    double largest;                       /* what is drawn in full colour */
};
enum { HEAT_LEFT = 60, HEAT_TOP = 24, CELL = 32, KEY = 24 };

static double heat_value(const struct heat *h, const cJSON *x, const cJSON *y)
{
    double v = json_real(row_at(h->group, h->model, h->x, x, h->y, y), "value");
    return h->baseline ? v - json_real(row_at(h->group, h->baseline, h->x, x, h->y, y), "value") : v;
}

/* The average over the depths that were measured. */
static double heat_mean(const struct heat *h, const cJSON *x)
{
    const cJSON *y;
    double sum = 0;
    cJSON_ArrayForEach(y, json_path(h->group, "y")) sum += heat_value(h, x, y);
    return sum / cJSON_GetArraySize(json_path(h->group, "y"));
}

/* The colour is the hue of its sign, the more opaque the larger: so it fits a light page and a dark one. */
static void draw_cell(const struct heat *h, struct plot *p, double value, double left, double top, double width, const char *tip)
{
    double t = h->largest > 0 ? fmin(1, fabs(value) / h->largest) : 0;
    const char *class = h->baseline == NULL ? "heat" : value < 0 ? "down" : "up";
    text_printf(p->out, "<rect class=\"%s\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"", class, t,
                left, top, width, CELL);
    plot_tip(p, tip);
    text_printf(p->out, "/><text class=\"in%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", t > 0.55 ? " over" : "",
                left + width / 2, top + CELL / 2.0 + 4);
    text_printf(p->out, h->baseline ? "%+.2f" : "%.2f", value);
    text_puts(p->out, "</text>");
}

/* What the colours mean, from the least to the most. */
static void draw_key(const struct heat *h, double top)
{
    enum { STEPS = 24 };
    struct text *out = h->c->out;
    double width = (PLOT_WIDTH - HEAT_LEFT - PLOT_RIGHT) * 0.5, low = h->baseline ? -h->largest : 0;
    for (int i = 0; i < STEPS; i++) {
        double value = low + (h->largest - low) * (i + 0.5) / STEPS;
        text_printf(out, "<rect class=\"%s\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"10\"/>",
                    h->baseline == NULL ? "heat"
                    : value < 0         ? "down"
                                        : "up",
                    h->largest > 0 ? fabs(value) / h->largest : 0, HEAT_LEFT + width * i / STEPS, top, width / STEPS + 0.2);
    }
    text_printf(out, "<text x=\"%.1f\" y=\"%.1f\">", HEAT_LEFT + width + 8, top + 9);
    text_printf(out, h->baseline ? "%+.2g to %+.2g" : "%.2g to %.2g", low, h->largest);
    text_puts(out, "</text>");
}

static void draw_row(const struct heat *h, struct plot *p, const cJSON *y, double top)
{
    const cJSON *xs = json_path(h->group, "x"), *x;
    double width = (double)(PLOT_WIDTH - HEAT_LEFT - PLOT_RIGHT) / cJSON_GetArraySize(xs), left = HEAT_LEFT;
    text_printf(p->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", HEAT_LEFT - 6, top + CELL / 2.0 + 4);
    if (y != NULL)
        axis_text(p->out, y);
    else
        text_puts(p->out, "mean");
    text_puts(p->out, "</text>");
    cJSON_ArrayForEach(x, xs)
    {
        double value = y ? heat_value(h, x, y) : heat_mean(h, x);
        struct text tip = {0};
        text_printf(&tip, "%s%s%s, ", h->model, h->baseline ? " - " : "", h->baseline ? h->baseline : "");
        words_dimension(&tip, h->x, x);
        text_puts(&tip, ", ");
        if (y != NULL)
            words_dimension(&tip, h->y, y);
        else
            text_puts(&tip, "mean");
        text_printf(&tip, h->baseline ? ": %+.3f" : ": %.3f", value);
        if (isfinite(value))
            draw_cell(h, p, value, left, top, width, tip.data);
        left += width;
        text_free(&tip);
    }
}

static void draw_panel(const struct heat *h)
{
    struct text *out = h->c->out;
    const cJSON *xs = json_path(h->group, "x"), *ys = json_path(h->group, "y"), *x, *y;
    int columns = cJSON_GetArraySize(xs), rows = cJSON_GetArraySize(ys), row = 0, column = 0;
    bool mean = rows > 1;
    double width = (double)(PLOT_WIDTH - HEAT_LEFT - PLOT_RIGHT) / columns,
           bottom = HEAT_TOP + CELL * rows + (mean ? CELL + 4 : 0);
    struct plot p = {.out = out};
    text_printf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"group\" aria-label=\"", PLOT_WIDTH, bottom + 40 + KEY);
    html_text(out, h->model);
    text_printf(out, "\"><text class=\"strong\" x=\"%d\" y=\"16\">", HEAT_LEFT);
    html_text(out, h->model);
    if (h->baseline != NULL) {
        text_puts(out, " - ");
        html_text(out, h->baseline);
    }
    text_puts(out, "</text>");
    cJSON_ArrayForEach(y, ys) draw_row(h, &p, y, HEAT_TOP + CELL * row++);
    if (mean)
        draw_row(h, &p, NULL, HEAT_TOP + CELL * rows + 4);
    cJSON_ArrayForEach(x, xs)
    {
        text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", HEAT_LEFT + width * (column++ + 0.5),
                    bottom + 15);
        axis_text(out, x);
        text_puts(out, "</text>");
    }
    text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                HEAT_LEFT + (PLOT_WIDTH - HEAT_LEFT - PLOT_RIGHT) / 2.0, bottom + 31);
    html_text(out, words_axis(h->x));
    text_printf(out, "</text><text transform=\"rotate(-90)\" x=\"%.1f\" y=\"12\" text-anchor=\"middle\">",
                -(HEAT_TOP + CELL * rows / 2.0));
    html_text(out, words_axis(h->y));
    text_puts(out, "</text>");
    draw_key(h, bottom + 42);
    text_puts(out, "</svg>\n");
}

/* The largest value, or the largest difference from the baseline, over every place: one scale for all. */
static double largest_of(struct heat h)
{
    const cJSON *group, *x, *y, *m;
    double largest = 0;
    cJSON_ArrayForEach(group, h.c->groups)
    {
        h.group = group;
        cJSON_ArrayForEach(m, json_path(h.c->report, "models"))
        {
            h.model = json_text(m, "name");
            cJSON_ArrayForEach(x, json_path(group, "x"))
            {
                cJSON_ArrayForEach(y, json_path(group, "y")) largest = fmax(largest, fabs(heat_value(&h, x, y)));
            }
        }
    }
    return largest;
}

void chart_heatmap(const struct chart *c, const cJSON *group)
{
    struct heat h = {.c = c, .group = group, .x = json_text(c->view, "x"), .y = json_text(c->view, "y")};
    const char *baseline = json_text(c->report, "comparisons.0.baseline");
    const cJSON *m;
    struct axis scale = {.low = 0, .high = largest_of(h)};
    chart_scale(&scale, json_text(c->view, "name"));
    h.largest = scale.high;
    chart_open(c->out, json_text(c->view, "title"), json_path(group, "rest"), "wide");
    text_puts(c->out, "<div class=\"panels\">");
    cJSON_ArrayForEach(m, json_path(c->report, "models"))
    {
        h.model = json_text(m, "name");
        draw_panel(&h);
    }
    h.baseline = baseline;
    h.largest = baseline ? largest_of(h) : 0;
    cJSON_ArrayForEach(m, json_path(c->report, "models"))
    {
        h.model = json_text(m, "name");
        if (baseline != NULL && strcmp(h.model, baseline) != 0)
            draw_panel(&h);
    }
    text_puts(c->out, "</div>\n");
    cJSON *as_table = cJSON_Duplicate(c->view, true); /* the rows of the table are depths, or what y is */
    cJSON_ReplaceItemInObjectCaseSensitive(as_table, "x", cJSON_CreateString(h.y));
    chart_close(c, as_table);
    cJSON_Delete(as_table);
}
