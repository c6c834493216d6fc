/* grid.c - see grid.h. */
#include "report/grid.h"

#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void grid_add(struct grid *g, const char *format, ...)
{
    struct text raw = {0}, cell = {0};
    va_list args;
    va_start(args, format);
    bool ok = text_vprintf(&raw, format, args) && visible_text(&cell, raw.data, true);
    va_end(args);
    text_free(&raw);
    if (ok && mem_grow((void **)&g->cells, &g->capacity, g->n_cells + 1, sizeof *g->cells))
        g->cells[g->n_cells++] = cell.data;
    else
        text_free(&cell);
}

void grid_print(struct text *out, const struct grid *g)
{
    for (size_t i = 0; i < g->n_cells; i++) {
        size_t column = i % g->columns, width = 0;
        for (size_t j = column; j < g->n_cells; j += g->columns)
            width = strlen(g->cells[j]) > width ? strlen(g->cells[j]) : width;
        text_printf(out, column == 0 ? "%-*s" : "  %*s", (int)width, g->cells[i]);
        if (column + 1 == g->columns) {
            while (out->len > 0 && out->data[out->len - 1] == ' ')
                out->data[--out->len] = '\0';
            text_puts(out, "\n");
        }
    }
}

void grid_free(struct grid *g)
{
    for (size_t i = 0; i < g->n_cells; i++)
        free(g->cells[i]);
    free(g->cells);
    *g = (struct grid){0};
}
