/* plot.h - axes and marks in SVG, in a fixed frame whose text stays readable on a phone. */
#ifndef DIFFTF_REPORT_PLOT_H
#define DIFFTF_REPORT_PLOT_H

#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>

enum { PLOT_WIDTH = 440, PLOT_HEIGHT = 270, PLOT_LEFT = 52, PLOT_RIGHT = 10, PLOT_TOP = 10, PLOT_BOTTOM = 42 };

enum { AXIS_TICKS = 16 };
struct axis {
    double low, high;
    bool log, reversed; /* reversed: the largest value comes first */
    const char *label;
    double ticks[AXIS_TICKS]; /* chosen by the caller, in order; n_ticks 0: round numbers */
    size_t n_ticks;
};
struct plot {
    struct text *out;
    struct axis x, y;
    size_t n_marks; /* that can be pointed at: the first is in the order of tabs, arrow keys lead to the others */
};

/* Widens an axis to hold a value; the first one sets it (low > high at first). */
void axis_hold(struct axis *a, double value);
/* Some room at the ends; a linear axis that is near zero begins there. */
void axis_round(struct axis *a);
/* Pixels of a value, clamped to the frame. */
double plot_x(const struct plot *p, double x);
double plot_y(const struct plot *p, double y);
/* <svg> with grid, ticks and labels; `title` is for screen readers. x ticks are left out when `categories`. */
void plot_open(struct plot *p, const char *title, bool categories);
void plot_close(struct plot *p);
/* The attributes of a mark that can be pointed at and focused, and what it says. */
void plot_tip(struct plot *p, const char *tip);
/* "0.25", "1.2k", "3M": as short as an axis allows. */
void plot_number(struct text *out, double value);

#endif
