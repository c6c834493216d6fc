/* machine.h - what computes: the processor, our kernels, the matrix library's. */
#ifndef DIFFTF_SUITE_MACHINE_H
#define DIFFTF_SUITE_MACHINE_H

#include "formats/json.h"

/* Adds to an object: cpu, processors, memory_bytes, kernels (our set, numeric/kernels.h), blas (the library, its release and its
 * kernels). */
void machine_describe(cJSON *to);

/* How the processors' time was used up to now, in seconds of all of them together, and by this program. */
struct machine_use {
    double all, busy, own;
};
struct machine_use machine_use_now(void);
/* Share of the processors' time since `before` that other programs had, or another machine on the same hardware (steal); 0 where
 * the system does not say. */
double machine_use_of_others(const struct machine_use *before);

#endif
