/* blocks_impl.h - formats whose numbers share scales, as GGUF stores them; part of kernels_impl.c.
 *
 * A format is a function that takes a block apart into runs of 16 codes, number i on, each standing for scale * code - least.
 * What becomes of them, floats or a product, is its caller's. The scales and the order of products are those of ggml's
 * dequantize_row_*, and so are the bits: least is only ever taken from a product that is exact.
 */
#ifndef DIFFTF_NUMERIC_BLOCKS_IMPL_H
#define DIFFTF_NUMERIC_BLOCKS_IMPL_H

#include "formats/dtype.h"
#include "numeric/vec.h"

typedef unsigned char codes __attribute__((vector_size(16), aligned(1), may_alias));
typedef signed char signed_codes __attribute__((vector_size(16), aligned(1), may_alias));

INLINE codes at(const unsigned char *p)
{
    return *(const codes *)p;
}

INLINE float half(const unsigned char *p)
{
    return from_f16((hvec){0} + (unsigned short)(p[0] | p[1] << 8))[0];
}

/* The bits of `mask` from each code. */
INLINE codes bits(codes q, int shift, unsigned char mask)
{
    typedef unsigned short pairs __attribute__((vector_size(16))); /* the processor shifts no bytes */
    return (codes)((pairs)q >> shift) & mask;
}

/* Where the runs go: floats from `out` on, or products with x added to `sum`. */
struct runs {
    float *out;
    const float *x;
    vec sum[4];
};
typedef void put_run(struct runs *to, int i, codes q, float scale, float least);

INLINE void put_floats(struct runs *to, int i, codes q, float scale, float least)
{
    for (int k = 0; k < 16; k += W)
        *(vec *)(to->out + i + k) = scale * from_bytes((const char *)&q + k) - least;
}

INLINE void put_product(struct runs *to, int i, codes q, float scale, float least)
{
    for (int k = 0; k < 16; k += W)
        to->sum[(i + k) / W % 4] += (scale * from_bytes((const char *)&q + k) - least) * load(to->x + i + k);
}

/* 16 in each place whose bit of the two bytes is set. */
INLINE codes fifth_bits(const unsigned char *bits)
{
    const codes mask = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    codes lower = (codes){0} + bits[0], upper = (codes){0} + bits[1];
    codes spread = __builtin_shufflevector(lower, upper, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    return (codes)((spread & mask) != 0) & 16;
}

/* Blocks of 32: the lower halves of 16 bytes come first, then the upper ones. */

INLINE void block_q4_0(put_run *put, struct runs *to, const unsigned char *b) /* scale; codes less 8 */
{
    codes q = at(b + 2);
    put(to, 0, bits(q, 0, 15) - 8, half(b), 0);
    put(to, 16, bits(q, 4, 15) - 8, half(b), 0);
}

INLINE void block_q4_1(put_run *put, struct runs *to, const unsigned char *b) /* scale, least; codes */
{
    codes q = at(b + 4);
    put(to, 0, bits(q, 0, 15), half(b), -half(b + 2));
    put(to, 16, bits(q, 4, 15), half(b), -half(b + 2));
}

INLINE void block_q5_0(put_run *put, struct runs *to, const unsigned char *b) /* scale, fifth bits; codes less 16 */
{
    codes q = at(b + 6);
    put(to, 0, (bits(q, 0, 15) | fifth_bits(b + 2)) - 16, half(b), 0);
    put(to, 16, (bits(q, 4, 15) | fifth_bits(b + 4)) - 16, half(b), 0);
}

INLINE void block_q5_1(put_run *put, struct runs *to, const unsigned char *b) /* scale, least, fifth bits; codes */
{
    codes q = at(b + 8);
    put(to, 0, bits(q, 0, 15) | fifth_bits(b + 4), half(b), -half(b + 2));
    put(to, 16, bits(q, 4, 15) | fifth_bits(b + 6), half(b), -half(b + 2));
}

INLINE void block_q8_0(put_run *put, struct runs *to, const unsigned char *b) /* scale; signed bytes */
{
    put(to, 0, at(b + 2), half(b), 0);
    put(to, 16, at(b + 18), half(b), 0);
}

/* The 16 values that a code of four bits stands for, denser near zero. */
INLINE codes uneven(codes q)
{
    const signed_codes values = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
#ifdef __clang__ /* which has no shuffle by a vector */
    codes out = {0};
    for (size_t i = 0; i < sizeof q / sizeof q[0]; i++)
        out[i] = values[q[i]];
    return out;
#else
    return (codes)__builtin_shuffle(values, (signed_codes)q);
#endif
}

INLINE void block_iq4_nl(put_run *put, struct runs *to, const unsigned char *b) /* scale; uneven codes */
{
    codes q = at(b + 2);
    put(to, 0, uneven(bits(q, 0, 15)), half(b), 0);
    put(to, 16, uneven(bits(q, 4, 15)), half(b), 0);
}

/* Blocks of 256 have scales of their own for every 16 or 32 numbers. */

INLINE void block_q2_k(put_run *put, struct runs *to,
                       const unsigned char *b) /* 16 scales with their leasts, codes of two bits, scale, least */
{
    float d = half(b + 80), least = half(b + 82);
    const unsigned char *q = b + 16;
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) /* 32 bytes hold four runs of 32 numbers */
        put(to, 16 * i, bits(at(q + i / 8 * 32 + i % 2 * 16), i % 8 / 2 * 2, 3), d * (float)(b[i] & 15),
            least * (float)(b[i] >> 4));
}

INLINE void block_q3_k(put_run *put, struct runs *to,
                       const unsigned char *b) /* third bits, codes of two bits, 16 scales of six bits, scale */
{
    float d = half(b + 108);
    const unsigned char *q = b + 32, *s = b + 96;
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        int scale = (i < 8 ? s[i] & 15 : s[i - 8] >> 4) | (s[8 + i % 4] >> (i / 4 * 2) & 3) << 4;
        codes low = bits(at(q + i / 8 * 32 + i % 2 * 16), i % 8 / 2 * 2, 3);
        codes clear = (codes)((at(b + i % 2 * 16) & (unsigned char)(1 << i / 2)) == 0) & 4;
        put(to, 16 * i, low - clear, d * (float)(scale - 32), 0);
    }
}

/* Scale i and least i of six bits each, of eight in twelve bytes. */
INLINE void six_bits(int *scale, int *least, const unsigned char *s, int i)
{
    *scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    *least = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
}

/* `fifth`: 32 bytes of further bits, or NULL. */
INLINE void block_k(put_run *put, struct runs *to, const unsigned char *b, const unsigned char *fifth, const unsigned char *q)
{
    float d = half(b), d_least = half(b + 2);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        int scale, least;
        six_bits(&scale, &least, b + 4, i);
        for (int k = 0; k < 32; k += 16) {
            codes c = bits(at(q + i / 2 * 32 + k), i % 2 * 4, 15);
            if (fifth != NULL)
                c |= (codes)((at(fifth + k) & (unsigned char)(1 << i)) != 0) & 16;
            put(to, 32 * i + k, c, d * (float)scale, d_least * (float)least);
        }
    }
}

INLINE void block_q4_k(put_run *put, struct runs *to, const unsigned char *b) /* scale, least, eight scales and leasts, codes */
{
    block_k(put, to, b, NULL, b + 16);
}

INLINE void block_q5_k(put_run *put, struct runs *to, const unsigned char *b) /* the same, with fifth bits before the codes */
{
    block_k(put, to, b, b + 16, b + 48);
}

INLINE void block_q6_k(put_run *put, struct runs *to,
                       const unsigned char *b) /* lower four bits, upper two, 16 signed scales, scale; codes less 32 */
{
    float d = half(b + 208);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        int run = i % 8 / 2; /* of 32 numbers, four in each half */
        codes low = at(b + i / 8 * 64 + run % 2 * 32 + i % 2 * 16);
        codes up = bits(at(b + 128 + i / 8 * 32 + i % 2 * 16), 2 * run, 3);
        put(to, 16 * i, (bits(low, run / 2 * 4, 15) | up << 4) - 32, d * (float)(signed char)b[192 + i], 0);
    }
}

INLINE void block_iq4_xs(put_run *put, struct runs *to,
                         const unsigned char *b) /* scale, eight scales of six bits, uneven codes */
{
    float d = half(b);
    int upper = b[2] | b[3] << 8;
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        int scale = (b[4 + i / 2] >> (i % 2 * 4) & 15) | (upper >> (2 * i) & 3) << 4;
        codes q = at(b + 8 + 16 * i);
        put(to, 32 * i, uneven(bits(q, 0, 15)), d * (float)(scale - 32), 0);
        put(to, 32 * i + 16, uneven(bits(q, 4, 15)), d * (float)(scale - 32), 0);
    }
}

/* n numbers, whole blocks, widened. */
#define WIDEN_BLOCKS(FORMAT, SIZE, BYTES)                                                                                        \
    static void widen_##FORMAT(float *out, const unsigned char *x, size_t n)                                                     \
    {                                                                                                                            \
        for (size_t i = 0; i < n; i += SIZE, x += BYTES)                                                                         \
            block_##FORMAT(put_floats, &(struct runs){.out = out + i}, x);                                                       \
    }
/* And m rows times a vector. */
#define BLOCKS(FORMAT, SIZE, BYTES)                                                                                              \
    WIDEN_BLOCKS(FORMAT, SIZE, BYTES)                                                                                            \
    static void matvec_##FORMAT(float *y, const unsigned char *w, size_t ldw, const float *x, size_t m, size_t n)                \
    {                                                                                                                            \
        for (size_t i = 0; i < m; i++, w += ldw) {                                                                               \
            struct runs to = {.x = x};                                                                                           \
            for (size_t j = 0; j < n / SIZE; j++, to.x += SIZE)                                                                  \
                block_##FORMAT(put_product, &to, w + j * BYTES);                                                                 \
            y[i] += sum_vec(to.sum[0] + to.sum[1] + (to.sum[2] + to.sum[3]));                                                    \
        }                                                                                                                        \
    }
WIDEN_BLOCKS(q8_0, 32, 34) /* its product is a step in kernels_impl.c */
BLOCKS(q4_0, 32, 18)
BLOCKS(q4_1, 32, 20)
BLOCKS(q5_0, 32, 22)
BLOCKS(q5_1, 32, 24)
BLOCKS(q2_k, 256, 84)
BLOCKS(q3_k, 256, 110)
BLOCKS(q4_k, 256, 144)
BLOCKS(q5_k, 256, 176)
BLOCKS(q6_k, 256, 210)
BLOCKS(iq4_nl, 32, 18)
BLOCKS(iq4_xs, 256, 136)

#endif
