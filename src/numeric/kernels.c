/* kernels.c - chooses the kernels for this processor; see kernels.h. */
#include "numeric/kernels.h"

extern const struct kernels kernels_portable;
#ifdef __x86_64__
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

const struct kernels *const *kernels_all(void)
{
#ifdef __x86_64__
    static const struct kernels *const all[] = {&kernels_avx512, &kernels_avx2, &kernels_portable, NULL};
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
        return all;
    /* F16C is older than AVX2: who has the one has the other */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? all + 1 : all + 2;
#else
    static const struct kernels *const all[] = {&kernels_portable, NULL};
    return all;
#endif
}

const struct kernels *kernels_get(void)
{
    return kernels_all()[0];
}
