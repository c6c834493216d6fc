/* machine.c - see machine.h. */
#include "suite/machine.h"

#include "numeric/kernels.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void processor_name(char *name, size_t size)
{
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "re");
    snprintf(name, size, "unknown");
    while (info != NULL && fgets(line, sizeof line, info) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL)
            snprintf(name, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
    if (info != NULL)
        fclose(info);
}

void machine_describe(cJSON *to)
{
    char cpu[128], blas[160];
    const char *release = openblas_get_config(); /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH .." */
    const char *number = strchr(release, ' ');
    size_t length = number ? (size_t)(number - release) + 1 + strcspn(number + 1, " ") : strlen(release);
    processor_name(cpu, sizeof cpu);
    snprintf(blas, sizeof blas, "%.*s %s", (int)length, release, openblas_get_corename());
    cJSON_AddStringToObject(to, "cpu", cpu);
    json_add_number(to, "processors", (double)sysconf(_SC_NPROCESSORS_ONLN));
    json_add_number(to, "memory_bytes", (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE));
    cJSON_AddStringToObject(to, "kernels", kernels_get()->name);
    cJSON_AddStringToObject(to, "blas", blas);
}
