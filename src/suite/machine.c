/* machine.c - see machine.h. */
#include "suite/machine.h"

#include "numeric/kernels.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

/* The first line of /proc/stat: user nice system idle iowait irq softirq steal, in ticks. */
struct machine_use machine_use_now(void)
{
    enum { FIELDS = 8, IDLE = 3, WAITING = 4 };
    struct machine_use use = {0, 0, 0};
    struct timespec own;
    char line[512] = "";
    FILE *stat = fopen("/proc/stat", "re");
    if (stat != NULL && fgets(line, sizeof line, stat) != NULL && strncmp(line, "cpu ", 4) == 0) {
        char *at = line + 4;
        for (int i = 0; i < FIELDS; i++) {
            double seconds = (double)strtoull(at, &at, 10) / (double)sysconf(_SC_CLK_TCK);
            use.all += seconds;
            use.busy += i == IDLE || i == WAITING ? 0 : seconds;
        }
    }
    if (stat != NULL)
        fclose(stat);
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) == 0)
        use.own = (double)own.tv_sec + (double)own.tv_nsec / 1e9;
    return use;
}

double machine_use_of_others(const struct machine_use *before)
{
    struct machine_use now = machine_use_now();
    double all = now.all - before->all, others = now.busy - before->busy - (now.own - before->own);
    return all > 0 && others > 0 ? others / all : 0;
}
