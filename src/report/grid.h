/* grid.h - text and figures laid out in columns. */
#ifndef DIFFTF_REPORT_GRID_H
#define DIFFTF_REPORT_GRID_H

#include "base/memory.h"

/* What a cell says in numbers: nothing, one, or the two ends of an interval; NAN where there is none. */
struct grid_figure {
    double value[2];
    unsigned n;
};

/* Cells added row by row, the first row the heads. */
struct grid {
    char **cells;
    struct grid_figure *figures; /* of each cell */
    size_t n_cells, capacity, figures_capacity, columns;
};

void grid_add(struct grid *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A number, or the n = 2 ends of an interval, that reads `text`. */
void grid_add_figure(struct grid *g, const char *text, const double *value, unsigned n);
/* Aligned: the first column to the left, the others to the right. `width` is what a line may have, 0: no limit; where that is too
 * little heads are broken at spaces, long names stand on lines of their own above their figures, and what still has no room is
 * continued below. */
void grid_print(struct text *out, const struct grid *g, size_t width);
void grid_free(struct grid *g);

#endif
