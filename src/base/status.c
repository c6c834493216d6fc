/* status.c - error messages; see status.h. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

void error_write(struct error *err, enum status code, const char *format, ...)
{
    if (err == NULL)
        return;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
}
