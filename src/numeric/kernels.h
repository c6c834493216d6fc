/* kernels.h - the innermost loops, one set for each instruction set.
 *
 * kernels_impl.c is compiled several times (baseline, AVX2, AVX-512); the set
 * that suits the processor is chosen once at run time.  Results differ between
 * instruction sets in the last bits only, and never with the number of threads.
 */
#ifndef DIFFTF_NUMERIC_KERNELS_H
#define DIFFTF_NUMERIC_KERNELS_H

#include "formats/dtype.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    NUMERIC_VERSION = 2, /* raised when a change of the core changes bits: runs are not resumed across it */
    LANES = 16,          /* rows handed to the exp kernels are padded to a multiple of this */
    MATVEC_BLOCK = 32,   /* numbers that matvec takes at once */
};

/* y[i] += row i . x for m rows of n stored numbers, ldw bytes apart, anywhere in memory. For BF16, x has in each block of
 * MATVEC_BLOCK the even elements first, then the odd ones, and is zero from n to the end of its last block. */
typedef void matvec_kernel(float *y, const unsigned char *w, size_t ldw, const float *x, size_t m, size_t n);
/* n stored numbers, anywhere in memory, as floats (whole blocks, where there are blocks). */
typedef void widen_kernel(float *out, const unsigned char *x, size_t n);

struct kernels {
    const char *name;
    /* C [m, n] += A [m, k] B [k, n]; A has any row and column stride, B and C have unit column stride. */
    void (*tile_gemm)(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b, size_t ldb, size_t m,
                      size_t n, size_t k);
    /* One step of the online softmax (Milakov & Gimelshein 2018) on one row of n scores, n a multiple of LANES:
     * raises *max to cover scale * s, replaces s by exp(scale * s - *max), adds their sum to the corrected *sum,
     * and returns the factor by which what was summed before shrinks. */
    float (*softmax_step)(float *s, size_t n, float scale, float *max, float *sum);
    /* s = exp(scale * s - shift), n a multiple of LANES. */
    void (*exp_shift)(float *s, size_t n, float scale, float shift);
    /* y = silu(gate) * up. */
    void (*swiglu)(float *y, const float *gate, const float *up, size_t n);
    /* d_gate and d_up of the above, from dy. */
    void (*swiglu_backward)(float *d_gate, float *d_up, const float *dy, const float *gate, const float *up, size_t n);
    /* sum of exp(x - shift), any n. */
    double (*exp_sum)(const float *x, size_t n, float shift);
    double (*dot)(const float *a, const float *b, size_t n);
    /* As many multiplications and additions as the processor can do, on nothing: returns their number for so many rounds. */
    double (*busy)(size_t rounds);
    /* For each format of weights. */
    matvec_kernel *matvec[DTYPE_WEIGHTS];
    widen_kernel *widen[DTYPE_WEIGHTS];
    /* No number of n of two bytes has all bits of `exponent` set: none is infinite or NaN. */
    bool (*finite_16)(const unsigned char *x, size_t n, unsigned short exponent);
};

/* The best set this processor runs. */
const struct kernels *kernels_get(void);
/* All sets this processor runs, best first, NULL-terminated: for the tests. */
const struct kernels *const *kernels_all(void);

#endif
