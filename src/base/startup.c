/* startup.c - see startup.h.
 *
 * Three libraries read their settings from the environment when they are loaded, before `main`:
 *  - OpenBLAS takes its oldest kernels on a processor that it does not know (base/cpu.h), and starts threads that we never
 *    use, since ours share the work out: OPENBLAS_CORETYPE, OPENBLAS_NUM_THREADS;
 *  - the threads of the OpenMP runtime wait in a loop for as long as another thread works, and so burn the cores that other
 *    programs need: GOMP_SPINCOUNT, a few microseconds, then they sleep.
 *  - GnuTLS, which libcurl brings, sets itself up although only the judge needs it, and prints what goes wrong:
 *    GNUTLS_NO_IMPLICIT_INIT; libcurl does it when it is used.
 * So the program starts again once with them set, before the libraries' constructors have run: that takes 1 to 2 ms. What the
 * user has set stays.
 */
#include "base/startup.h"

#include "base/cpu.h"
#include "base/exhausted.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VARIABLES = 4096, PATH_BYTES = 4096, SETTING_BYTES = 64 };

/* Rounds of the runtime's waiting loop, of about 40 ns each on today's processors. */
#define SPINS "GOMP_SPINCOUNT=300"

static const char *find(char **environment, const char *name)
{
    size_t n = strlen(name);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

/* Without the sanitizers: theirs is not set up yet. No library is, so only system calls and functions on strings are used. */
__attribute__((no_sanitize("address", "undefined"))) static void restart(int argc, char **argv, char **environment)
{
    char *settings[MOST_VARIABLES], path[PATH_BYTES], coretype[SETTING_BYTES] = "OPENBLAS_CORETYPE=";
    const char *kernels = cpu_blas_coretype();
    size_t n = 0, given = 0;
    (void)argc;
    while (environment[given] != NULL)
        given++;
    if (given + 6 > MOST_VARIABLES || find(environment, "DIFFTF_STARTED") != NULL)
        return;
    memcpy(settings, environment, given * sizeof *settings);
    n = given;
    settings[n++] = (char *)"DIFFTF_STARTED=1"; /* and not again */
    if (kernels != NULL && find(environment, "OPENBLAS_CORETYPE") == NULL)
        settings[n++] = strcat(coretype, kernels);
    if (find(environment, "OPENBLAS_NUM_THREADS") == NULL)
        settings[n++] = (char *)"OPENBLAS_NUM_THREADS=1";
    if (find(environment, "GNUTLS_NO_IMPLICIT_INIT") == NULL)
        settings[n++] = (char *)"GNUTLS_NO_IMPLICIT_INIT=1";
    if (find(environment, "GOMP_SPINCOUNT") == NULL && find(environment, "OMP_WAIT_POLICY") == NULL)
        settings[n++] = (char *)SPINS;
    settings[n] = NULL;
    /* by its name, which a list of processes shows, not as /proc/self/exe */
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || n == given + 1)
        return;
    path[length] = '\0';
    execve(path, argv, settings); /* returns when it cannot: then it goes on as it is */
}

__attribute__((section(".preinit_array"), used)) static void (*const RESTART)(int, char **, char **) = restart;

void startup(void)
{
    unsetenv("DIFFTF_STARTED"); /* a program that this one starts decides for itself */
    cJSON_Hooks hooks = {exhausted_or_memory, free};
    cJSON_InitHooks(&hooks);
}
