/* cpu.h - which of the matrix library's kernels suit this processor.
 *
 * OpenBLAS looks the processor's model up in a table when it is loaded. A model that is newer than the library falls back to
 * the oldest kernels that run (SSE3 on x86-64, generic ARMv8), at a sixth of the speed of those that it has. What counts is what
 * the processor and the operating system support, so that is asked here (cpuid and XCR0; the part's number on ARM).
 */
#ifndef DIFFTF_BASE_CPU_H
#define DIFFTF_BASE_CPU_H

/* The value of OPENBLAS_CORETYPE that stands for the best kernels that every release since 0.3.10 has and that run here; NULL
 * when the library's own choice is to be trusted. Needs nothing initialized: it runs before the libraries' constructors. */
const char *cpu_blas_coretype(void);

#endif
