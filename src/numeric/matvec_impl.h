/* matvec_impl.h - rows of weights times one vector, or several: decoding; part of kernels_impl.c. */
#ifndef DIFFTF_NUMERIC_MATVEC_IMPL_H
#define DIFFTF_NUMERIC_MATVEC_IMPL_H

#include "numeric/kernels.h"
#include "numeric/vec.h"

/* A block of weights as floats: vector k goes with x from LANES_8 k on, where x stands as matvec wants it. */
typedef void take_block(vec8 *out, const unsigned char *w);
enum { BLOCK = MATVEC_BLOCK, SUMS = BLOCK / LANES_8, STEPS = W > 4 ? 2 : 1, TOGETHER = W == 16 ? 4 : 2 };

INLINE vec8 load8(const float *p)
{
    return *(const vec8 *)p;
}

INLINE void take_f32(vec8 *out, const unsigned char *w)
{
    for (size_t k = 0; k < SUMS; k++)
        out[k] = (vec8)(*(const packed8 *)(w + 4 * LANES_8 * k));
}

INLINE void take_f16(vec8 *out, const unsigned char *w)
{
    for (size_t k = 0; k < SUMS; k++)
        out[k] = from_f16_8(*(const hvec8 *)(w + 2 * LANES_8 * k));
}

/* Two numbers lie in 32 bits, the even one below: a shift and a mask make floats of them. */
INLINE void take_bf16(vec8 *out, const unsigned char *w)
{
    for (size_t k = 0; k < SUMS / 2; k++) {
        packed8 pair = *(const packed8 *)(w + 4 * LANES_8 * k);
        out[k] = (vec8)(pair << 16);
        out[SUMS / 2 + k] = (vec8)(pair & 0xffff0000u);
    }
}

/* Where matvec stands: blocks of weights that are there whole, and the last one filled up with zeros. */
INLINE void last_block(unsigned char *w, float *x, const unsigned char *from, size_t bytes, const float *x_from, bool pairs,
                       size_t left)
{
    memset(w, 0, 4 * BLOCK);
    memcpy(w, from, left * bytes / BLOCK);
    memset(x, 0, BLOCK * sizeof *x);
    memcpy(x, x_from, (pairs ? BLOCK : left) * sizeof *x);
}

INLINE void step(take_block *take, vec8 *sum, const unsigned char *w, const float *x)
{
    vec8 block[SUMS];
    take(block, w);
    for (size_t k = 0; k < SUMS; k++)
        sum[k] += block[k] * load8(x + LANES_8 * k);
}

/* One row of weights after the other, as a stream of memory is read. What is narrower than a float keeps twice as many sums
 * going, and its rows are too short for the processor to foresee the next. */
INLINE void matvec(take_block *take, size_t bytes, bool pairs, float *y, const unsigned char *w, size_t ldw, const float *x,
                   size_t m, size_t n)
{
    const bool narrow = bytes < 4 * BLOCK;
    const size_t steps = narrow ? STEPS : 1;
    for (size_t i = 0; i < m; i++, w += ldw) {
        vec8 sum[STEPS * SUMS] = {{0}};
        size_t block = 0;
        for (; (block + steps) * BLOCK <= n; block += steps)
            for (size_t k = 0; k < steps; k++) {
                const unsigned char *at = w + (block + k) * bytes;
                if (narrow)
                    __builtin_prefetch(at + AHEAD);
                step(take, sum + k * SUMS, at, x + (block + k) * BLOCK);
            }
        for (; block * BLOCK < n; block++) {
            unsigned char last[4 * BLOCK];
            float x_last[BLOCK];
            last_block(last, x_last, w + block * bytes, bytes, x + block * BLOCK, pairs,
                       n - block * BLOCK < BLOCK ? n - block * BLOCK : BLOCK);
            step(take, sum, last, x_last);
        }
        for (size_t k = 1; k < steps * SUMS; k++)
            sum[0] += sum[k];
        y[i] += sum_vec8(sum[0]);
    }
}

/* Vector v of the block, as wide as there are. */
INLINE vec widest(const vec8 *block, size_t v)
{
#if defined(__AVX512F__)
    return __builtin_shufflevector(block[2 * v], block[2 * v + 1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#else
    vec wide;
    memcpy(&wide, (const char *)block + v * sizeof wide, sizeof wide);
    return wide;
#endif
}

/* A block of weights times that of each of TOGETHER x: vectors as wide as there are, whose lanes are those of the sums above. */
INLINE void step_more(take_block *take, vec (*sum)[STEPS * BLOCK / W], size_t k, const unsigned char *w, const float *const *x,
                      size_t at)
{
    vec8 block[SUMS];
    take(block, w);
#pragma GCC unroll 8
    for (size_t v = 0; v < BLOCK / W; v++) {
        vec wide = widest(block, v);
#pragma GCC unroll 4
        for (size_t r = 0; r < TOGETHER; r++)
            sum[r][k + v] += wide * load(x[r] + at + W * v);
    }
}

INLINE void matvec_more(take_block *take, size_t bytes, bool pairs, float *const *y, const unsigned char *w, size_t ldw,
                        const float *const *x, size_t m, size_t n)
{
    const size_t steps = bytes < 4 * BLOCK ? STEPS : 1;
    for (size_t i = 0; i < m; i++, w += ldw) {
        vec sum[TOGETHER][STEPS * BLOCK / W] = {{{0}}};
        size_t block = 0;
        for (; (block + steps) * BLOCK <= n; block += steps)
#pragma GCC unroll 2
            for (size_t k = 0; k < steps; k++) {
                __builtin_prefetch(w + (block + k) * bytes + AHEAD);
                step_more(take, sum, k * BLOCK / W, w + (block + k) * bytes, x, (block + k) * BLOCK);
            }
        for (; block * BLOCK < n; block++) {
            unsigned char last[4 * BLOCK];
            float x_last[TOGETHER][BLOCK];
            const float *ends[TOGETHER];
            for (size_t r = 0; r < TOGETHER; r++) {
                last_block(last, x_last[r], w + block * bytes, bytes, x[r] + block * BLOCK, pairs,
                           n - block * BLOCK < BLOCK ? n - block * BLOCK : BLOCK);
                ends[r] = x_last[r];
            }
            step_more(take, sum, 0, last, ends, 0);
        }
        for (size_t r = 0; r < TOGETHER; r++) {
            vec8 parts[STEPS * SUMS];
            memcpy(parts, sum[r], sizeof parts);
            for (size_t k = 1; k < steps * SUMS; k++)
                parts[0] += parts[k];
            y[r][i] += sum_vec8(parts[0]);
        }
    }
}

#define MATVEC(FORMAT, BYTES, PAIRS)                                                                                             \
    static void matvec_##FORMAT(float *y, const unsigned char *w, size_t ldw, const float *x, size_t m, size_t n)                \
    {                                                                                                                            \
        matvec(take_##FORMAT, BYTES, PAIRS, y, w, ldw, x, m, n);                                                                 \
    }                                                                                                                            \
    static void matvec_more_##FORMAT(float *const *y, const unsigned char *w, size_t ldw, const float *const *x, size_t m,       \
                                     size_t n)                                                                                   \
    {                                                                                                                            \
        matvec_more(take_##FORMAT, BYTES, PAIRS, y, w, ldw, x, m, n);                                                            \
    }
MATVEC(f32, 4 * BLOCK, false)
MATVEC(f16, 2 * BLOCK, false)
MATVEC(bf16, 2 * BLOCK, true)

#endif
