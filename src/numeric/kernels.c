/* kernels.c - chooses the kernels for this processor; see kernels.h. */
#include "numeric/kernels.h"

#include <stdlib.h>
#include <string.h>

extern const struct kernels kernels_portable;
#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avx512, kernels_avx512vnni;

/* F16C is older than AVX2: who has the one has the other. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

static bool has_avx512vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}
#endif

static bool has_portable(void)
{
    return true;
}

/* Best first. */
static const struct {
    const struct kernels *kernels;
    bool (*runs)(void);
} SETS[] = {
#ifdef __x86_64__
    {&kernels_avx512vnni, has_avx512vnni},
    {&kernels_avx512, has_avx512},
    {&kernels_avx2, has_avx2},
#endif
    {&kernels_portable, has_portable},
};
enum { N_SETS = sizeof SETS / sizeof *SETS };

/* Decided once, before main: what every product asks for. */
static const struct kernels *running[N_SETS + 1];
static const struct kernels *chosen;

__attribute__((constructor)) static void choose(void)
{
    const char *wanted = getenv(KERNELS_VARIABLE);
    size_t n = 0;
    for (size_t i = 0; i < N_SETS; i++)
        if (SETS[i].runs())
            running[n++] = SETS[i].kernels;
    chosen = running[0];
    for (size_t i = 0; wanted != NULL && i < n; i++)
        if (strcmp(running[i]->name, wanted) == 0)
            chosen = running[i];
}

const struct kernels *kernels_get(void)
{
    return chosen;
}

const struct kernels *const *kernels_all(void)
{
    return running;
}

const char *kernels_missing(size_t i)
{
    for (size_t set = 0; set < N_SETS; set++)
        if (!SETS[set].runs() && i-- == 0)
            return SETS[set].kernels->name;
    return NULL;
}

enum status kernels_wanted(struct error *err)
{
    const char *wanted = getenv(KERNELS_VARIABLE);
    char names[128] = "";
    if (wanted == NULL || wanted[0] == '\0' || strcmp(wanted, chosen->name) == 0)
        return OK;
    for (size_t i = 0; running[i] != NULL; i++) {
        strncat(names, i == 0 ? "" : ", ", sizeof names - strlen(names) - 1);
        strncat(names, running[i]->name, sizeof names - strlen(names) - 1);
    }
    return error_set(err, ERR_USAGE, KERNELS_VARIABLE ": there are no kernels '%s' for this processor, expected one of %s",
                     wanted, names);
}
