/* status.c - error messages; see status.h. */
#include "base/status.h"

#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>

void error_write(struct error *err, enum status code, const char *format, ...)
{
    if (err == NULL)
        return;
    va_list args;
    va_start(args, format);
    err->code = code;
    char line[sizeof err->message];
    vsnprintf(line, sizeof line, format, args);
    visible_copy(err->message, sizeof err->message, line);
    va_end(args);
}
