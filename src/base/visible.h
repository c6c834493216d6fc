/* visible.h - text from files and models as a terminal may have it.
 *
 * Names, outputs and messages come from strangers: a terminal obeys the control characters in them. They are shown as \x1b or
 * \u202e instead: control characters (C0 without the line break and the tab, DEL, C1), bytes that are no UTF-8, and the marks
 * that turn the direction of writing.
 */
#ifndef DIFFTF_BASE_VISIBLE_H
#define DIFFTF_BASE_VISIBLE_H

#include "base/memory.h"

#include <stdio.h>

/* Appends the text so; in one line: line breaks and tabs, too. */
bool visible_text(struct text *out, const char *text, bool one_line);
/* The same, one line, into a buffer of `size` bytes; what does not fit is cut off at a character. */
void visible_copy(char *out, size_t size, const char *text);
/* printf whose result is shown so, line breaks and tabs as they are. What every command prints goes through here. */
void say(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
