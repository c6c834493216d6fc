/* plot.c - see plot.h. */
#include "report/plot.h"

#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void axis_hold(struct axis *a, double value)
{
    if (!isfinite(value) || (a->log && value <= 0))
        return;
    if (a->low > a->high) {
        a->low = a->high = value;
        return;
    }
    a->low = fmin(a->low, value);
    a->high = fmax(a->high, value);
}

void axis_round(struct axis *a)
{
    if (a->low > a->high) {
        a->low = a->log ? 1 : 0;
        a->high = a->log ? 10 : 1;
    }
    if (a->log) {
        a->low /= a->low == a->high ? 1.5 : 1.05;
        a->high *= a->low == a->high ? 1.5 : 1.05;
        return;
    }
    double span = a->high - a->low;
    if (a->low >= 0 && a->low < 0.5 * a->high)
        a->low = 0;
    if (span == 0) {
        a->low -= fabs(a->low) * 0.1 + 0.05;
        a->high += fabs(a->high) * 0.1 + 0.05;
        return;
    }
    a->low -= a->low == 0 ? 0 : span * 0.06;
    a->high += span * 0.06;
}

static double place(const struct axis *a, double v)
{
    double t = a->log ? (log(fmax(v, 1e-300)) - log(a->low)) / (log(a->high) - log(a->low)) : (v - a->low) / (a->high - a->low);
    t = fmin(1.02, fmax(-0.02, t));
    return a->reversed ? 1 - t : t;
}

double plot_x(const struct plot *p, double x)
{
    return PLOT_LEFT + place(&p->x, x) * (PLOT_WIDTH - PLOT_LEFT - PLOT_RIGHT);
}

double plot_y(const struct plot *p, double y)
{
    return PLOT_HEIGHT - PLOT_BOTTOM - place(&p->y, y) * (PLOT_HEIGHT - PLOT_TOP - PLOT_BOTTOM);
}

void plot_number(struct text *out, double v)
{
    static const struct {
        double unit;
        const char *suffix;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (fabs(v) >= units[i].unit * (units[i].unit == 1e3 ? 10 : 1)) {
            text_printf(out, "%.3g%s", v / units[i].unit, units[i].suffix);
            return;
        }
    text_printf(out, "%.4g", fabs(v) < 1e-12 ? 0 : v);
}

/* The chosen ticks, or: of a linear axis at 1, 2 or 5 times a power of ten; of a log axis at powers of two or of ten. */
static size_t find_ticks(const struct axis *a, double ticks[AXIS_TICKS])
{
    size_t n = 0;
    if (a->n_ticks > 0) {
        memcpy(ticks, a->ticks, a->n_ticks * sizeof *ticks);
        return a->n_ticks;
    }
    if (!a->log) {
        double raw = (a->high - a->low) / 5, power = pow(10, floor(log10(raw)));
        double step = raw / power > 5 ? 10 * power : raw / power > 2 ? 5 * power : raw / power > 1 ? 2 * power : power;
        for (double t = ceil(a->low / step) * step; t <= a->high + step * 1e-9 && n < AXIS_TICKS; t += step)
            ticks[n++] = t;
        return n;
    }
    double decades = log10(a->high / a->low), base = decades > 3 ? 10 : 2;
    double stride = ceil(log(a->high / a->low) / log(base) / 6);
    for (double e = ceil(log(a->low) / log(base) - 1e-9); pow(base, e) <= a->high * 1.0001 && n < AXIS_TICKS;
         e += fmax(1, stride))
        ticks[n++] = pow(base, e);
    return n;
}

static void draw_ticks(struct plot *p, const struct axis *a, bool vertical)
{
    enum { CHARACTER = 7, GAP = 6 }; /* pixels, of a label and between two */
    double ticks[AXIS_TICKS], last = -INFINITY, last_half = 0;
    size_t n = find_ticks(a, ticks);
    for (size_t i = 0; i < n; i++) {
        double at = vertical ? plot_y(p, ticks[i]) : plot_x(p, ticks[i]);
        struct text label = {0};
        plot_number(&label, ticks[i]);
        double half = CHARACTER * (double)label.len / 2;
        if (!vertical && fabs(at - last) < half + last_half + GAP) {
            text_free(&label);
            continue;
        }
        last = at;
        last_half = half;
        if (vertical) {
            text_printf(p->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                        PLOT_LEFT, at, PLOT_WIDTH - PLOT_RIGHT, PLOT_LEFT - 6, at + 4);
        } else {
            text_printf(p->out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", at,
                        PLOT_TOP, PLOT_HEIGHT - PLOT_BOTTOM, at, PLOT_HEIGHT - PLOT_BOTTOM + 16);
        }
        text_puts(p->out, label.data);
        text_puts(p->out, "</text>");
        text_free(&label);
    }
}

/* The label of the upright axis has the frame's height: what it says in brackets goes first. */
static void draw_upright_label(struct plot *p, const char *label)
{
    enum { ROOM = 38 }; /* characters */
    const char *bracket = strlen(label) > ROOM ? strstr(label, " (") : NULL;
    char *cut = strndup(label, bracket ? (size_t)(bracket - label) : strlen(label));
    text_printf(p->out, "<text transform=\"rotate(-90)\" x=\"%d\" y=\"12\" text-anchor=\"middle\">",
                -(PLOT_TOP + PLOT_HEIGHT - PLOT_BOTTOM) / 2);
    html_text(p->out, cut);
    text_puts(p->out, "</text>");
    free(cut);
}

void plot_open(struct plot *p, const char *title, bool categories)
{
    text_printf(p->out, "<svg viewBox=\"0 0 %d %d\" role=\"group\" aria-label=\"", PLOT_WIDTH, PLOT_HEIGHT);
    html_text(p->out, title);
    text_puts(p->out, "\">");
    draw_ticks(p, &p->y, true);
    if (!categories)
        draw_ticks(p, &p->x, false);
    text_printf(p->out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>", PLOT_LEFT, PLOT_TOP, PLOT_HEIGHT - PLOT_BOTTOM,
                PLOT_WIDTH - PLOT_RIGHT);
    text_printf(p->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (PLOT_LEFT + PLOT_WIDTH - PLOT_RIGHT) / 2,
                PLOT_HEIGHT - 6);
    html_text(p->out, p->x.label ? p->x.label : "");
    text_puts(p->out, "</text>");
    draw_upright_label(p, p->y.label ? p->y.label : "");
}

void plot_close(struct plot *p)
{
    text_puts(p->out, "</svg>\n");
}

void plot_tip(struct plot *p, const char *tip)
{
    text_printf(p->out, " tabindex=\"%d\" role=\"img\" aria-label=\"", p->n_marks++ == 0 ? 0 : -1);
    html_text(p->out, tip);
    text_puts(p->out, "\" data-tip=\"");
    html_text(p->out, tip);
    text_puts(p->out, "\"");
}
