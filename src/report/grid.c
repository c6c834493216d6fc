/* grid.c - see grid.h. */
#include "report/grid.h"

#include "base/utf8.h"
#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LEAST_NAME = 12 }; /* columns between two of the grid, and of a first column that is worth having */

static void add(struct grid *g, struct text *cell, const struct grid_figure *figure)
{
    bool room = mem_grow((void **)&g->figures, &g->figures_capacity, g->n_cells + 1, sizeof *g->figures);
    if (room && mem_grow((void **)&g->cells, &g->capacity, g->n_cells + 1, sizeof *g->cells)) {
        g->figures[g->n_cells] = *figure;
        g->cells[g->n_cells++] = cell->data;
    } else {
        text_free(cell);
    }
}

void grid_add(struct grid *g, const char *format, ...)
{
    struct text raw = {0}, cell = {0};
    va_list args;
    va_start(args, format);
    if (text_vprintf(&raw, format, args) && visible_text(&cell, raw.data, true))
        add(g, &cell, &(struct grid_figure){{0, 0}, 0});
    va_end(args);
    text_free(&raw);
}

void grid_add_figure(struct grid *g, const char *text, const double *value, unsigned n)
{
    struct text cell = {0};
    if (text_puts(&cell, text))
        add(g, &cell, &(struct grid_figure){{value[0], value[n - 1]}, n});
}

static size_t columns_of(const char *text)
{
    return utf8_count(text, strlen(text));
}

/* How wide each column is, and the same with heads of one word a line. */
struct layout {
    const struct grid *g;
    size_t width, *wide, *narrow;
};

static size_t longest_word(const char *text)
{
    size_t longest = 0;
    for (size_t n; *text != '\0'; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        longest = utf8_count(text, n) > longest ? utf8_count(text, n) : longest;
    }
    return longest;
}

static void measure(struct layout *l)
{
    const struct grid *g = l->g;
    for (size_t i = 0; i < g->n_cells; i++) {
        size_t c = i % g->columns, n = columns_of(g->cells[i]);
        l->wide[c] = n > l->wide[c] ? n : l->wide[c];
        n = i < g->columns ? longest_word(g->cells[i]) : n;
        l->narrow[c] = n > l->narrow[c] ? n : l->narrow[c];
    }
}

static size_t sum(const size_t *widths, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t c = from; c < to; c++)
        n += widths[c] + GAP;
    return n;
}

/* The longest name of at most `room` columns: wider ones stand on a line of their own. */
static size_t name_width(const struct grid *g, size_t room)
{
    size_t longest = 0;
    for (size_t i = 0; i < g->n_cells; i += g->columns) {
        size_t n = columns_of(g->cells[i]);
        longest = n <= room && n > longest ? n : longest;
    }
    return longest;
}

static void spaces(struct text *out, size_t n)
{
    for (; n > 0; n--)
        text_puts(out, " ");
}

static void end_line(struct text *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
    text_puts(out, "\n");
}

/* Bytes of the words at the beginning of `text` that `width` columns hold, one word at least. */
static size_t line_of(const char *text, size_t width)
{
    size_t n = strcspn(text, " ");
    while (text[n] != '\0') {
        size_t next = n + 1 + strcspn(text + n + 1, " ");
        if (utf8_count(text, next) > width)
            break;
        n = next;
    }
    return n;
}

static size_t lines_of(const char *text, size_t width)
{
    size_t lines = 0;
    for (size_t n; *text != '\0'; text += n + (text[n] == ' '), lines++)
        n = line_of(text, width);
    return lines;
}

/* The line of a cell that stands `below` lines above its last, and "" where it has fewer; its bytes in *n. */
static const char *nth_line(const char *text, size_t width, size_t below, size_t *n)
{
    size_t lines = lines_of(text, width);
    *n = 0;
    if (below >= lines)
        return "";
    for (size_t k = lines - 1 - below;; k--) {
        *n = line_of(text, width);
        if (k == 0)
            return text;
        text += *n + (text[*n] == ' ');
    }
}

/* A name that has more columns than the first: all of it, over as many lines as it takes. */
static void print_name(struct text *out, const char *name, size_t width)
{
    for (size_t n; *name != '\0'; name += n + (name[n] == ' ')) {
        n = line_of(name, width);
        text_add(out, name, n);
        end_line(out);
    }
}

/* The row that begins at `cell`: its name and the columns from `from` to before `to`. */
static void print_row(struct text *out, const struct layout *l, size_t cell, size_t first, size_t from, size_t to)
{
    char *const *row = l->g->cells + cell;
    size_t lines = 1;
    bool own = columns_of(row[0]) > first;
    if (own)
        print_name(out, row[0], l->width);
    for (size_t c = from; c < to; c++)
        lines = lines_of(row[c], l->wide[c]) > lines ? lines_of(row[c], l->wide[c]) : lines;
    for (size_t below = lines; below-- > 0;) {
        const char *name = own || below > 0 ? "" : row[0];
        text_puts(out, name);
        spaces(out, first - columns_of(name));
        for (size_t c = from; c < to; c++) {
            size_t n;
            const char *line = nth_line(row[c], l->wide[c], below, &n);
            spaces(out, GAP + l->wide[c] - utf8_count(line, n));
            text_add(out, line, n);
        }
        end_line(out);
    }
}

/* Does the column say how sure the one before it is: intervals, p-values? */
static bool is_attached(const struct grid *g, size_t column)
{
    bool attached = strcmp(g->cells[column], "p") == 0;
    for (size_t i = g->columns + column; i < g->n_cells && !attached; i += g->columns)
        attached = g->figures[i].n == 2;
    return attached;
}

/* The columns that stand beside the first from `from` on: as many as fit, one at least, an interval and p with their figure. */
static size_t block_end(const struct layout *l, size_t first, size_t from)
{
    size_t to = from, columns = l->g->columns;
    while (to < columns) {
        size_t next = to + 1;
        while (next < columns && is_attached(l->g, next))
            next++;
        if (l->width > 0 && to > from && first + sum(l->wide, from, next) > l->width)
            break;
        to = next;
    }
    return to;
}

void grid_print(struct text *out, const struct grid *g, size_t width)
{
    struct layout l = {g, width, calloc(g->columns + 1, sizeof *l.wide), calloc(g->columns + 1, sizeof *l.narrow)};
    if (l.wide != NULL && l.narrow != NULL && g->columns > 0) {
        measure(&l);
        if (width > 0 && l.wide[0] + sum(l.wide, 1, g->columns) > width)
            memcpy(l.wide + 1, l.narrow + 1, (g->columns - 1) * sizeof *l.wide);
        size_t others = sum(l.wide, 1, g->columns), least = l.wide[0] < LEAST_NAME ? l.wide[0] : LEAST_NAME;
        size_t room = width == 0 ? l.wide[0] : others + least <= width ? width - others : width / 3;
        size_t first = name_width(g, room), from = 1;
        do {
            size_t to = block_end(&l, first, from);
            text_puts(out, from > 1 ? "\n" : "");
            for (size_t i = 0; i < g->n_cells; i += g->columns)
                print_row(out, &l, i, first, from, to);
            from = to;
        } while (from < g->columns);
    }
    free(l.wide);
    free(l.narrow);
}

void grid_free(struct grid *g)
{
    for (size_t i = 0; i < g->n_cells; i++)
        free(g->cells[i]);
    free(g->cells);
    free(g->figures);
    *g = (struct grid){0};
}
