/* options_help.c - what a help text says of options; see options.h. */
#include "suite/options.h"

#include <stdio.h>
#include <string.h>

void option_range(struct text *out, const struct option_spec *o)
{
    char range[80] = "";
    if (o->high > o->low)
        snprintf(range, sizeof range, "; %.16g to %.16g", o->low, o->high);
    if (o->initial != NULL && o->kind != OPTION_FLAG) {
        text_puts(out, " (default ");
        for (const char *p = o->initial; *p != '\0'; p++)
            text_printf(out, *p == '\n' ? "\\n" : "%c", *p);
        text_printf(out, "%s)", range);
    } else if (range[0] != '\0') {
        text_printf(out, " (%s)", range + 2);
    }
}

void options_help(struct text *out, const struct option_spec *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        text_printf(out, "  %-24s%s%s", left, strlen(left) > 24 ? "\n                           " : " ", o->help);
        option_range(out, o);
        text_puts(out, "\n");
    }
}
