/* table_formats.c - tables as text, Markdown, CSV, LaTeX and JSON; see table.h. */
#include "formats/json.h"
#include "report/escape.h"
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void write_text(struct text *out, const struct tables *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->all[i].title[0] != '\0' && (i == 0 || strcmp(t->all[i].title, t->all[i - 1].title) != 0))
            text_printf(out, "%s\n\n", t->all[i].title);
        grid_print(out, &t->all[i].grid, t->width);
        text_puts(out, "\n");
    }
}

static void write_markdown(struct text *out, const struct tables *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct grid *g = &t->all[i].grid;
        if (t->all[i].title[0] != '\0') {
            text_puts(out, "**");
            markdown_text(out, t->all[i].title);
            text_puts(out, "**\n\n");
        }
        for (size_t c = 0; g->columns > 0 && c < g->n_cells; c++) {
            text_puts(out, c % g->columns ? " " : "| ");
            markdown_text(out, g->cells[c]);
            text_puts(out, (c + 1) % g->columns ? " |" : " |\n");
            for (size_t k = 0; c + 1 == g->columns && k < g->columns; k++)
                text_puts(out, k + 1 == g->columns ? k ? "---:|\n" : "|---|\n" : k ? "---:|" : "|---|");
        }
        text_puts(out, "\n");
    }
}

static void write_latex(struct text *out, const struct tables *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct grid *g = &t->all[i].grid;
        if (t->all[i].title[0] != '\0') {
            text_puts(out, "% ");
            latex_text(out, t->all[i].title);
            text_puts(out, "\n");
        }
        text_puts(out, "\\begin{tabular}{l");
        for (size_t k = 1; k < g->columns; k++)
            text_puts(out, "r");
        text_puts(out, "}\n\\hline\n");
        for (size_t c = 0; g->columns > 0 && c < g->n_cells; c++) {
            latex_text(out, g->cells[c]);
            text_puts(out, (c + 1) % g->columns ? " & " : c + 1 == g->columns ? " \\\\\n\\hline\n" : " \\\\\n");
        }
        text_puts(out, "\\hline\n\\end{tabular}\n\n");
    }
}

/* Figures as numbers, an interval as an array of two, what there is not as null. */
static cJSON *cell_json(const struct grid *g, size_t i)
{
    const struct grid_figure *f = &g->figures[i];
    if (f->n == 0)
        return cJSON_CreateString(g->cells[i]);
    if (!isfinite(f->value[0]))
        return cJSON_CreateNull();
    if (f->n == 1)
        return json_number(f->value[0]);
    cJSON *ends = cJSON_CreateArray();
    cJSON_AddItemToArray(ends, json_number(f->value[0]));
    cJSON_AddItemToArray(ends, json_number(f->value[1]));
    return ends;
}

static void write_json(struct text *out, const struct tables *t)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < t->n; i++) {
        const struct grid *g = &t->all[i].grid;
        cJSON *one = cJSON_CreateObject(), *rows, *row = NULL;
        cJSON_AddStringToObject(one, "where", t->all[i].title);
        cJSON *header = cJSON_AddArrayToObject(one, "columns");
        rows = cJSON_AddArrayToObject(one, "rows");
        for (size_t c = 0; g->columns > 0 && c < g->n_cells; c++) {
            if (c >= g->columns && c % g->columns == 0)
                cJSON_AddItemToArray(rows, row = cJSON_CreateArray());
            cJSON_AddItemToArray(c < g->columns ? header : row, cell_json(g, c));
        }
        cJSON_AddItemToArray(all, one);
    }
    char *text = cJSON_Print(all);
    text_printf(out, "%s\n", text ? text : "");
    free(text);
    cJSON_Delete(all);
}

table_writer *table_writer_find(const char *format)
{
    static const struct {
        const char *name;
        table_writer *write;
    } formats[] = {{"text", write_text}, {"markdown", write_markdown}, {"latex", write_latex}, {"json", write_json}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, format) == 0)
            return formats[i].write;
    return NULL;
}
