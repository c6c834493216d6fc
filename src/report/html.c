/* html.c - see html.h. */
#include "report/html.h"

void table_html(struct text *out, const struct table *t)
{
    const struct grid *g = &t->grid;
    if (g->columns == 0)
        return;
    text_puts(out, "<div class=\"scroll\" tabindex=\"0\"><table>");
    if (t->title[0] != '\0') {
        text_puts(out, "<caption>");
        html_text(out, t->title);
        text_puts(out, "</caption>");
    }
    for (size_t i = 0; i < g->n_cells; i++) {
        bool head = i < g->columns, first = i % g->columns == 0;
        if (first)
            text_puts(out, head ? "<thead><tr>" : "<tr>");
        text_puts(out, head ? "<th scope=\"col\">" : first ? "<th scope=\"row\">" : "<td>");
        html_text(out, g->cells[i]);
        text_puts(out, head || first ? "</th>" : "</td>");
        if (i + 1 == g->columns)
            text_puts(out, "</tr></thead><tbody>");
        else if ((i + 1) % g->columns == 0)
            text_puts(out, "</tr>\n");
    }
    text_puts(out, "</tbody></table></div>\n");
}
