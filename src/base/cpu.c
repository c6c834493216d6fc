/* cpu.c - see cpu.h. */
#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

const char *cpu_blas_coretype(void)
{
    __builtin_cpu_init(); /* the answers below say what the system saves, too */
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        return "SKYLAKEX"; /* Cooper Lake, Sapphire Rapids and Zen 4 multiply floats with the same */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return __builtin_cpu_is("amd") ? "ZEN" : "HASWELL";
    return NULL;
}

#elif defined(__aarch64__)

#include <asm/hwcap.h>
#include <sys/auxv.h>

/* ARM's own parts that release 0.3.21 knows, by the number in MIDR_EL1: Cortex A53, A57, A72, A73, A55, Neoverse N1, V1, N2. */
static const unsigned KNOWN[] = {0xd03, 0xd07, 0xd08, 0xd09, 0xd05, 0xd0c, 0xd40, 0xd49};

const char *cpu_blas_coretype(void)
{
    unsigned long has = getauxval(AT_HWCAP);
    uint64_t midr = 0;
    if ((has & HWCAP_ASIMDDP) == 0 || (has & HWCAP_CPUID) == 0)
        return NULL;
    __asm__("mrs %0, MIDR_EL1" : "=r"(midr));
    if (midr >> 24 == 0x41)
        for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
            if ((midr >> 4 & 0xfff) == KNOWN[i])
                return NULL;
    return "NEOVERSEN1"; /* the vectors of ARMv8.2; longer ones differ too much to guess */
}

#else

const char *cpu_blas_coretype(void)
{
    return NULL;
}

#endif
