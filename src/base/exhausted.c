/* exhausted.c - see exhausted.h. */
#include "base/exhausted.h"

#include "base/file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void exhausted(size_t size)
{
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    char line[160];
    while (atomic_flag_test_and_set(&ending))
        pause();
    file_writers_abandon();
    int n = snprintf(line, sizeof line, "%.60s: out of memory for %zu bytes, expected more (see ulimit -v)\n",
                     program_invocation_short_name, size);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(ERR_SYSTEM); /* nobody listens: the code still says it */
    _exit(ERR_SYSTEM);
}

void *exhausted_or_memory(size_t size)
{
    void *p = malloc(size);
    if (p == NULL && size > 0)
        exhausted(size);
    return p;
}
