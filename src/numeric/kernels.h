/* kernels.h - the innermost loops, one set for each instruction set.
 *
 * kernels_impl.c is compiled several times (baseline, AVX2, AVX-512); the set
 * that suits the processor is chosen once at run time.  Results differ between
 * instruction sets in the last bits only, and never with the number of threads.
 */
#ifndef DIFFTF_NUMERIC_KERNELS_H
#define DIFFTF_NUMERIC_KERNELS_H

#include "base/status.h"
#include "formats/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NUMERIC_VERSION = 3, /* raised when a change of the core changes bits: runs are not resumed across it */
    LANES = 16,          /* rows handed to the exp kernels are padded to a multiple of this */
    MATVEC_BLOCK = 32,   /* numbers that matvec takes at once */
    TOGETHER_MOST = 4,   /* x that matvec_more takes at most */
};

/* y[i] += row i . x for m rows of n stored numbers, ldw bytes apart, anywhere in memory. For BF16, x has in each block of
 * MATVEC_BLOCK the even elements first, then the odd ones, and is zero from n to the end of its last block. */
typedef void matvec_kernel(float *y, const unsigned char *w, size_t ldw, const float *x, size_t m, size_t n);
/* Numbers rounded to eight bits: number i is scale[i / 32] * codes[i]; sum16 and sum32 are the sums of 16 and 32 such numbers. */
struct int8_numbers {
    signed char *codes;
    float *scale, *sum16, *sum32;
};
/* y[i] += row i . x, for rows of whole blocks; the products of codes are whole numbers. */
typedef void matvec_int8_kernel(float *y, const unsigned char *w, size_t ldw, const struct int8_numbers *x, size_t m, size_t n);
/* Takes n stored numbers apart, whole blocks: number i is scale[i / run] * codes[i] - least[i / run], no code with a sign.
 * Returns run, 16 or 32. */
typedef size_t apart_kernel(unsigned char *codes, float *scale, float *least, const unsigned char *w, size_t n);

/* Weights of 16 outputs side by side, for products of many rows: words of 32 bits, [words of a row][16], one panel after another.
 */
struct int8_panels {
    const uint32_t *words;
    size_t ld;                  /* words of a row */
    const float *scale, *least; /* [k / run][16] */
    size_t run;
};
/* Rows of int8_numbers, ld numbers each, a multiple of 32. */
struct int8_rows {
    const uint32_t *words;
    const float *scale, *sum16, *sum32;
    size_t ld;
};
/* What multiplies many rows in fewer bits than floats have. */
struct panel_kernels {
    /* As struct kernels' busy, in multiplications of BF16 and of codes. */
    double (*busy_bf16)(size_t rounds);
    double (*busy_int8)(size_t rounds);
    /* out [n][16] = the words of 16 rows, `stride` words apart, of n each; n a multiple of 16. */
    void (*interleave)(uint32_t *out, const uint32_t *rows, size_t stride, size_t n);
    /* C [m, 16 panels] += A B; A has rows of `words` pairs of BF16, lda words apart, B is panels of such pairs. */
    void (*gemm_bf16)(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b, size_t m, size_t panels,
                      size_t words);
    /* The same of codes, k numbers. */
    void (*gemm_int8)(float *c, size_t ldc, const struct int8_rows *a, const struct int8_panels *b, size_t m, size_t panels,
                      size_t k);
};
/* The same for `together` x, of which each gets the bits that it gets alone: the weights are taken apart once. */
typedef void matvec_more_kernel(float *const *y, const unsigned char *w, size_t ldw, const float *const *x, size_t m, size_t n);
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
    matvec_more_kernel *matvec_more[DTYPE_WEIGHTS]; /* or NULL */
    size_t together;
    widen_kernel *widen[DTYPE_WEIGHTS];
    /* For each of those whose numbers share scales, else NULL. */
    matvec_int8_kernel *matvec_int8[DTYPE_WEIGHTS];
    /* n numbers, a multiple of 32, rounded. */
    void (*to_int8)(struct int8_numbers *to, const float *x, size_t n);
    apart_kernel *apart[DTYPE_WEIGHTS];
    /* The nearest BF16, ties to even. */
    void (*to_bf16)(uint16_t *out, const float *x, size_t n);
    /* NULL where the processor multiplies nothing but floats faster than floats. */
    const struct panel_kernels *panel;
    /* No number of n of two bytes has all bits of `exponent` set: none is infinite or NaN. */
    bool (*finite_16)(const unsigned char *x, size_t n, unsigned short exponent);
};

/* The environment variable that names a set, to be used although there is a better one. */
#define KERNELS_VARIABLE "DIFFTF_KERNELS"

/* The best set this processor runs, or the one that is asked for. */
const struct kernels *kernels_get(void);
/* ERR_USAGE when a set is asked for that there is not, or that does not run here. */
enum status kernels_wanted(struct error *err);
/* The name of the i-th set that does not run here, or NULL. */
const char *kernels_missing(size_t i);
/* All sets this processor runs, best first, NULL-terminated: for the tests. */
const struct kernels *const *kernels_all(void);

#endif
