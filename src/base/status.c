/* status.c - error messages; see status.h. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

enum status error_set(struct error *err, enum status code, const char *format, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return code;
}
