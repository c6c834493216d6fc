/* blocks_impl.h - formats whose numbers share scales, as GGUF stores them; part of kernels_impl.c.
 *
 * A format is two functions: one that takes the scales of a block, one for each run of 16 or 32 numbers, and one that takes the
 * codes of 32 numbers. A number is scale * code - least. What becomes of them, floats, products or a panel, is written once,
 * below and in int8_impl.h. The scales and the order of products are those of ggml's dequantize_row_*, and so are the bits: least
 * is only ever taken from a product that is exact.
 */
#ifndef DIFFTF_NUMERIC_BLOCKS_IMPL_H
#define DIFFTF_NUMERIC_BLOCKS_IMPL_H

#include "formats/dtype.h"
#include "numeric/vec.h"

enum { GROUP = 32, RUNS = BLOCK_MOST / 16 }; /* codes that are taken at once; the most runs of a block */

typedef unsigned char codes __attribute__((vector_size(GROUP), aligned(1), may_alias));
typedef signed char signed_codes __attribute__((vector_size(GROUP), aligned(1), may_alias));
typedef unsigned char half_codes __attribute__((vector_size(GROUP / 2), aligned(1), may_alias));

/* The scales of a block's runs. */
struct scales {
    float scale[RUNS], least[RUNS];
};

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
    typedef unsigned short pairs __attribute__((vector_size(GROUP))); /* the processor shifts no bytes */
    return (codes)((pairs)q >> shift) & mask;
}

/* 16 bytes hold 32 codes of four bits: the lower halves come first. */
INLINE codes nibbles(const unsigned char *p)
{
    half_codes h = *(const half_codes *)p;
    typedef unsigned short pairs __attribute__((vector_size(GROUP / 2)));
    half_codes low = h & 15, high = (half_codes)((pairs)h >> 4) & 15;
    return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                   23, 24, 25, 26, 27, 28, 29, 30, 31);
}

/* 16 in each place whose bit of the four bytes is set. */
INLINE codes fifth_bits(const unsigned char *b)
{
    const codes mask = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128,
                        1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    typedef unsigned int word __attribute__((vector_size(GROUP)));
    unsigned int w;
    memcpy(&w, b, sizeof w);
    codes four = (codes)((word){0} + w);
    codes spread = __builtin_shufflevector(four, four, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 18, 18, 18, 18, 18, 18, 18,
                                           18, 19, 19, 19, 19, 19, 19, 19, 19);
    return (codes)((spread & mask) != 0) & 16;
}

/* Blocks of 32 with one scale. */

INLINE void scales_q4_0(struct scales *s, const unsigned char *b) /* scale; codes less 8 */
{
    s->scale[0] = half(b);
}

INLINE codes codes_q4_0(const unsigned char *b, int g)
{
    (void)g;
    return nibbles(b + 2) - 8;
}

INLINE void scales_q4_1(struct scales *s, const unsigned char *b) /* scale, least; codes */
{
    s->scale[0] = half(b);
    s->least[0] = -half(b + 2);
}

INLINE codes codes_q4_1(const unsigned char *b, int g)
{
    (void)g;
    return nibbles(b + 4);
}

INLINE void scales_q5_0(struct scales *s, const unsigned char *b) /* scale, fifth bits; codes less 16 */
{
    s->scale[0] = half(b);
}

INLINE codes codes_q5_0(const unsigned char *b, int g)
{
    (void)g;
    return (nibbles(b + 6) | fifth_bits(b + 2)) - 16;
}

INLINE void scales_q5_1(struct scales *s, const unsigned char *b) /* scale, least, fifth bits; codes */
{
    scales_q4_1(s, b);
}

INLINE codes codes_q5_1(const unsigned char *b, int g)
{
    (void)g;
    return nibbles(b + 8) | fifth_bits(b + 4);
}

INLINE void scales_q8_0(struct scales *s, const unsigned char *b) /* scale; signed bytes */
{
    s->scale[0] = half(b);
}

INLINE codes codes_q8_0(const unsigned char *b, int g)
{
    (void)g;
    return at(b + 2);
}

/* The 16 values that a code of four bits stands for, denser near zero. */
INLINE codes uneven(codes q)
{
    const signed_codes values = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
                                 -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
#if defined(__AVX2__)
    return (codes)_mm256_shuffle_epi8((__m256i)values, (__m256i)q);
#else
    codes out = {0};
    for (size_t i = 0; i < sizeof q / sizeof q[0]; i++)
        out[i] = (unsigned char)values[q[i]];
    return out;
#endif
}

INLINE void scales_iq4_nl(struct scales *s, const unsigned char *b) /* scale; uneven codes */
{
    s->scale[0] = half(b);
}

INLINE codes codes_iq4_nl(const unsigned char *b, int g)
{
    (void)g;
    return uneven(nibbles(b + 2));
}

/* Blocks of 256 have scales of their own for every 16 or 32 numbers. */

/* s[i] = d * (bytes of the words)[i], n bytes of at most 127, a multiple of eight. */
INLINE void scaled(float *s, const unsigned int *words, int n, float d)
{
    for (int i = 0; i < n; i += LANES_8)
        *(vec8 *)(s + i) = d * from_8_bytes((const char *)words + i);
}

INLINE void scales_q2_k(struct scales *s,
                        const unsigned char *b) /* 16 scales with their leasts, codes of two bits, scale, least */
{
    unsigned int w[4], low[4], high[4];
    memcpy(w, b, sizeof w);
    for (int i = 0; i < 4; i++) {
        low[i] = w[i] & 0x0f0f0f0fu;
        high[i] = w[i] >> 4 & 0x0f0f0f0fu;
    }
    scaled(s->scale, low, 16, half(b + 80));
    scaled(s->least, high, 16, half(b + 82));
}

INLINE codes codes_q2_k(const unsigned char *b, int g) /* 32 bytes hold four groups */
{
    return bits(at(b + 16 + g / 4 * 32), g % 4 * 2, 3);
}

INLINE void scales_q3_k(struct scales *s,
                        const unsigned char *b) /* third bits, codes of two bits, 16 scales of six bits, scale */
{
    unsigned int w[3], six[4];
    memcpy(w, b + 96, sizeof w);
    for (int i = 0; i < 4; i++)
        six[i] = (w[i % 2] >> (i / 2 * 4) & 0x0f0f0f0fu) | (w[2] >> (2 * i) & 0x03030303u) << 4;
    for (int i = 0; i < RUNS; i += LANES_8)
        *(vec8 *)(s->scale + i) = half(b + 108) * (from_8_bytes((const char *)six + i) - 32.0f);
}

INLINE codes codes_q3_k(const unsigned char *b, int g)
{
    codes clear = (codes)((at(b) & (unsigned char)(1 << g)) == 0) & 4;
    return bits(at(b + 32 + g / 4 * 32), g % 4 * 2, 3) - clear;
}

INLINE void scales_q4_k(struct scales *s, const unsigned char *b) /* scale, least, eight of each of six bits, codes */
{
    unsigned int w[3], scale[2], least[2];
    memcpy(w, b + 4, sizeof w);
    scale[0] = w[0] & 0x3f3f3f3fu;
    scale[1] = (w[2] & 0x0f0f0f0fu) | (w[0] >> 6 & 0x03030303u) << 4;
    least[0] = w[1] & 0x3f3f3f3fu;
    least[1] = (w[2] >> 4 & 0x0f0f0f0fu) | (w[1] >> 6 & 0x03030303u) << 4;
    scaled(s->scale, scale, 8, half(b));
    scaled(s->least, least, 8, half(b + 2));
}

INLINE codes codes_q4_k(const unsigned char *b, int g)
{
    return bits(at(b + 16 + g / 2 * 32), g % 2 * 4, 15);
}

INLINE void scales_q5_k(struct scales *s, const unsigned char *b) /* the same, with fifth bits before the codes */
{
    scales_q4_k(s, b);
}

INLINE codes codes_q5_k(const unsigned char *b, int g)
{
    codes fifth = (codes)((at(b + 16) & (unsigned char)(1 << g)) != 0) & 16;
    return bits(at(b + 48 + g / 2 * 32), g % 2 * 4, 15) | fifth;
}

INLINE void scales_q6_k(struct scales *s, const unsigned char *b) /* lower four bits, upper two, 16 signed scales, scale */
{
    for (int i = 0; i < RUNS; i += LANES_8)
        *(vec8 *)(s->scale + i) = half(b + 208) * from_8_bytes(b + 192 + i);
}

INLINE codes codes_q6_k(const unsigned char *b, int g) /* less 32 */
{
    codes low = bits(at(b + g / 4 * 64 + g % 2 * 32), g % 4 / 2 * 4, 15);
    return (low | bits(at(b + 128 + g / 4 * 32), g % 4 * 2, 3) << 4) - 32;
}

INLINE void scales_iq4_xs(struct scales *s, const unsigned char *b) /* scale, eight scales of six bits, uneven codes */
{
    /* bytes 4 to 7 hold the lower four bits in pairs, the two bytes before them the upper two bits of all eight */
    const ivec8 low = {0, 4, 8, 12, 16, 20, 24, 28}, high = {0, 2, 4, 6, 8, 10, 12, 14};
    int lower;
    memcpy(&lower, b + 4, sizeof lower);
    ivec8 six = (((ivec8){0} + lower) >> low & 15) | (((ivec8){0} + (b[2] | b[3] << 8)) >> high & 3) << 4;
    *(vec8 *)s->scale = half(b) * __builtin_convertvector(six - 32, vec8);
}

INLINE codes codes_iq4_xs(const unsigned char *b, int g)
{
    return uneven(nibbles(b + 8 + 16 * g));
}

/* Every format: numbers of a block, its bytes, numbers that share a scale, whether they have leasts (then no code is negative).
 */
#define BLOCK_FORMATS(X)                                                                                                         \
    X(q4_0, 32, 18, 32, false)                                                                                                   \
    X(q4_1, 32, 20, 32, true)                                                                                                    \
    X(q5_0, 32, 22, 32, false)                                                                                                   \
    X(q5_1, 32, 24, 32, true)                                                                                                    \
    X(q8_0, 32, 34, 32, false)                                                                                                   \
    X(q2_k, 256, 84, 16, true)                                                                                                   \
    X(q3_k, 256, 110, 16, false)                                                                                                 \
    X(q4_k, 256, 144, 32, true)                                                                                                  \
    X(q5_k, 256, 176, 32, true)                                                                                                  \
    X(q6_k, 256, 210, 16, false)                                                                                                 \
    X(iq4_nl, 32, 18, 32, false)                                                                                                 \
    X(iq4_xs, 256, 136, 32, false)

/* W numbers of a group as floats, from number i of the block on. */
INLINE vec block_floats(const struct scales *s, const codes *q, int i, int run, bool least)
{
    vec wide = s->scale[i / run] * from_bytes((const char *)q + i % GROUP);
    if (least)
        wide -= s->least[i / run];
    return wide;
}

/* n numbers, whole blocks, widened; and m rows times a vector. */
#define BLOCK_FLOATS(FORMAT, SIZE, BYTES, RUN, LEAST)                                                                            \
    static void widen_##FORMAT(float *out, const unsigned char *x, size_t n)                                                     \
    {                                                                                                                            \
        for (size_t j = 0; j < n; j += SIZE, x += BYTES) {                                                                       \
            struct scales s;                                                                                                     \
            scales_##FORMAT(&s, x);                                                                                              \
            _Pragma("GCC unroll 8") for (int g = 0; g < SIZE / GROUP; g++)                                                       \
            {                                                                                                                    \
                codes q = codes_##FORMAT(x, g);                                                                                  \
                for (int i = g * GROUP; i < (g + 1) * GROUP; i += W)                                                             \
                    *(vec *)(out + j + i) = block_floats(&s, &q, i, RUN, LEAST);                                                 \
            }                                                                                                                    \
        }                                                                                                                        \
    }                                                                                                                            \
    static void matvec_##FORMAT(float *y, const unsigned char *w, size_t ldw, const float *x, size_t m, size_t n)                \
    {                                                                                                                            \
        for (size_t i = 0; i < m; i++, w += ldw) {                                                                               \
            vec sum[GROUP / W] = {{0}};                                                                                          \
            for (size_t j = 0; j < n; j += SIZE) {                                                                               \
                const unsigned char *b = w + j / SIZE * BYTES;                                                                   \
                struct scales s;                                                                                                 \
                scales_##FORMAT(&s, b);                                                                                          \
                _Pragma("GCC unroll 8") for (int g = 0; g < SIZE / GROUP; g++)                                                   \
                {                                                                                                                \
                    codes q = codes_##FORMAT(b, g);                                                                              \
                    for (int k = 0; k < GROUP; k += W)                                                                           \
                        sum[k / W] += block_floats(&s, &q, g * GROUP + k, RUN, LEAST) * load(x + j + (size_t)(g * GROUP + k));   \
                }                                                                                                                \
            }                                                                                                                    \
            for (int k = 1; k < GROUP / W; k++)                                                                                  \
                sum[0] += sum[k];                                                                                                \
            y[i] += sum_vec(sum[0]);                                                                                             \
        }                                                                                                                        \
    }
BLOCK_FORMATS(BLOCK_FLOATS)

#endif
