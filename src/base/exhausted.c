/* exhausted.c - see exhausted.h. */
#include "base/exhausted.h"

#include "base/fail.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void exhausted(size_t size)
{
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    char what[80];
    while (atomic_flag_test_and_set(&ending))
        pause();
    snprintf(what, sizeof what, "out of memory for %zu bytes, expected more (see ulimit -v)", size);
    program_fail(ERR_SYSTEM, "memory", what);
}

void *exhausted_or_memory(size_t size)
{
    void *p = malloc(size);
    if (p == NULL && size > 0)
        exhausted(size);
    return p;
}
