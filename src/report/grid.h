/* grid.h - text laid out in columns. */
#ifndef DIFFTF_REPORT_GRID_H
#define DIFFTF_REPORT_GRID_H

#include "base/memory.h"

/* Cells added row by row; grid_print aligns them: the first column to the left, the others to the right. */
struct grid {
    char **cells;
    size_t n_cells, capacity, columns;
};

void grid_add(struct grid *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_print(struct text *out, const struct grid *g);
void grid_free(struct grid *g);

#endif
