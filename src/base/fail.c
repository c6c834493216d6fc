/* fail.c - see fail.h. */
#include "base/fail.h"

#include "base/file.h"
#include "base/terminal.h"

#include <unistd.h>

/* A signal's handler needs it. */
static const char *program_name = "difftf";

void fail_name(const char *name)
{
    program_name = name;
}

const char *fail_name_given(void)
{
    return program_name;
}

void program_fail(enum status status, const char *subject, const char *message)
{
    char line[4096 + 256];
    /* Not snprintf, which a signal may have interrupted. */
    size_t n = 0;
    const char *const parts[] = {program_name, ": ", subject, ": ", message, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *p = parts[i]; *p != '\0' && n < sizeof line; p++)
            line[n++] = *p;
    file_writers_abandon();
    progress_clear();
    if (write(STDERR_FILENO, line, n) < 0)
        status = ERR_SYSTEM;
    _exit((int)status);
}
