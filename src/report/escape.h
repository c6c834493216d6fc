/* escape.h - text from reports in the languages that tables and pages are written in: one function a format, for every text.
 *
 * Names, titles and outputs come from strangers and must stay text: no formula in a spreadsheet, no command in LaTeX, no markup.
 * Control characters are shown as base/visible.h has them before they come here.
 */
#ifndef DIFFTF_REPORT_ESCAPE_H
#define DIFFTF_REPORT_ESCAPE_H

#include "base/memory.h"

/* Between tags, or in a quoted attribute, of HTML and XML. */
void html_text(struct text *out, const char *text);
/* One field of CSV (RFC 4180), quoted where it must be; what a spreadsheet would take for a formula gets a ' before it, but for
 * numbers and a lone dash. */
void csv_text(struct text *out, const char *text);
/* A cell of a Markdown table. */
void markdown_text(struct text *out, const char *text);
/* Running text of LaTeX, or one of its comments. */
void latex_text(struct text *out, const char *text);

#endif
