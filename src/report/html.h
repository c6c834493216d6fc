/* html.h - what every part of the page is written with. */
#ifndef DIFFTF_REPORT_HTML_H
#define DIFFTF_REPORT_HTML_H

#include "report/escape.h"
#include "report/table.h"

/* One table, which scrolls sideways on its own where it is wider than the page. */
void table_html(struct text *out, const struct table *t);

#endif
