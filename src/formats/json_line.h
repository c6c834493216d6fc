/* json_line.h - one JSON string a line, in and out, with NUL characters kept: C strings end at them, JSON's do not. */
#ifndef DIFFTF_FORMATS_JSON_LINE_H
#define DIFFTF_FORMATS_JSON_LINE_H

#include "base/memory.h"
#include "base/status.h"

/* Parses a line that is one JSON string into `out` (replaced). */
enum status json_line_read(struct text *out, const char *name, const char *line, size_t length, struct error *err);
/* Appends the text as a JSON string; bytes that are no UTF-8 become U+FFFD. */
bool json_line_write(struct text *out, const char *text, size_t length);

#endif
