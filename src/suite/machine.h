/* machine.h - what computes: the processor, our kernels, the matrix library's. */
#ifndef DIFFTF_SUITE_MACHINE_H
#define DIFFTF_SUITE_MACHINE_H

#include "formats/json.h"

/* Adds to an object: cpu, processors, memory_bytes, kernels (our set, numeric/kernels.h), blas (the library, its release and its
 * kernels). */
void machine_describe(cJSON *to);

#endif
