/* int8_impl.h - products of codes with activations of eight bits; part of kernels_impl.c.
 *
 * x is rounded in groups of 32 to scale * code, as ggml's Q8_0 is. Within a run of codes that share scales the product is one of
 * whole numbers, and exact:
 *     sum of (a c - l)(s e) over a run = a s (sum of c e) - l s (sum of e)
 */
#ifndef DIFFTF_NUMERIC_INT8_IMPL_H
#define DIFFTF_NUMERIC_INT8_IMPL_H

#include "numeric/blocks_impl.h"
#include "numeric/kernels.h"

/* Codes do not depend on the instruction set: the product is rounded before it becomes a whole number. */
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("fp-contract=off")))
#endif
static void
to_int8(struct int8_numbers *to, const float *x, size_t n)
{
    for (size_t g = 0; g < n / GROUP; g++, x += GROUP) {
        float most = 0, nothing = 0; /* NaN where x has one or an infinity: it must not vanish */
        for (int i = 0; i < GROUP; i++) {
            float size = x[i] < 0 ? -x[i] : x[i];
            most = size > most ? size : most;
            nothing += x[i] * 0.0f;
        }
        float scale = most / 127.0f + nothing, inverse = most > 0 ? 127.0f / most : 0.0f;
        to->scale[g] = scale;
        for (int half_group = 0; half_group < 2; half_group++) {
            int sum = 0;
            for (int i = half_group * 16; i < half_group * 16 + 16; i++) {
                float shifted = x[i] * inverse + 12582912.0f; /* rounds: the integer lands in the low mantissa bits */
                int bits_of;
                memcpy(&bits_of, &shifted, sizeof bits_of);
                signed char code = (signed char)(bits_of & 255);
                to->codes[g * GROUP + (size_t)i] = code;
                sum += code;
            }
            to->sum16[2 * g + (size_t)half_group] = scale * (float)sum;
        }
        to->sum32[g] = to->sum16[2 * g] + to->sum16[2 * g + 1];
    }
}

/* Sums of four products each; `least`: no code of q is negative. */
INLINE ivec8 dot_group(codes q, codes x, bool least)
{
#if defined(__AVX2__)
    /* the processor multiplies bytes without a sign by such with one */
    __m256i a = least ? (__m256i)q : _mm256_abs_epi8((__m256i)q);
    __m256i b = least ? (__m256i)x : _mm256_sign_epi8((__m256i)x, (__m256i)q);
#if defined(__AVX512VNNI__)
    return (ivec8)_mm256_dpbusd_epi32(_mm256_setzero_si256(), a, b);
#else
    return (ivec8)_mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)); /* at most 2 * 128 * 127: fits */
#endif
#else
    (void)least;
    signed_codes a = (signed_codes)q, b = (signed_codes)x;
    ivec8 sum = {0};
    for (int i = 0; i < GROUP; i++)
        sum[i / 4] += a[i] * b[i];
    return sum;
#endif
}

/* The scales of a block times those of x, which stand from `scale` on. */
INLINE void scale_runs(struct scales *s, const float *scale, int groups, int run)
{
    if (groups == 1)
        s->scale[0] *= scale[0];
    else if (run == GROUP)
        *(vec8 *)s->scale *= *(const vec8 *)scale;
    else {
        vec8 e = *(const vec8 *)scale;
        *(vec8 *)s->scale *= __builtin_shufflevector(e, e, 0, 0, 1, 1, 2, 2, 3, 3);
        *(vec8 *)(s->scale + LANES_8) *= __builtin_shufflevector(e, e, 4, 4, 5, 5, 6, 6, 7, 7);
    }
}

/* What the leasts of a block take away. */
INLINE vec8 leasts(const struct scales *s, const float *sums, int runs)
{
    if (runs == 1)
        return (vec8){s->least[0] * sums[0]};
    vec8 less = *(const vec8 *)s->least * *(const vec8 *)sums;
    if (runs == RUNS)
        less += *(const vec8 *)(s->least + LANES_8) * *(const vec8 *)(sums + LANES_8);
    return less;
}

INLINE vec8 run_scales(const struct scales *s, int g, int run)
{
    float a = s->scale[g * GROUP / run], b = s->scale[(g * GROUP + 16) / run];
    return (vec8){a, a, a, a, b, b, b, b};
}

#define BLOCK_INT8(FORMAT, SIZE, BYTES, RUN, LEAST)                                                                              \
    static void matvec_int8_##FORMAT(float *y, const unsigned char *w, size_t ldw, const struct int8_numbers *x, size_t m,       \
                                     size_t n)                                                                                   \
    {                                                                                                                            \
        for (size_t i = 0; i < m; i++, w += ldw) {                                                                               \
            vec8 sum[2] = {{0}};                                                                                                 \
            vec8 less = {0};                                                                                                     \
            for (size_t j = 0; j < n; j += SIZE) {                                                                               \
                const unsigned char *b = w + j / SIZE * BYTES;                                                                   \
                const float *sums = RUN == GROUP ? x->sum32 + j / GROUP : x->sum16 + j / 16;                                     \
                struct scales s;                                                                                                 \
                __builtin_prefetch(b + INT8_AHEAD);                                                                              \
                scales_##FORMAT(&s, b);                                                                                          \
                scale_runs(&s, x->scale + j / GROUP, SIZE / GROUP, RUN);                                                         \
                if (LEAST)                                                                                                       \
                    less += leasts(&s, sums, SIZE / RUN);                                                                        \
                _Pragma("GCC unroll 8") for (int g = 0; g < SIZE / GROUP; g++)                                                   \
                {                                                                                                                \
                    codes e = at((const unsigned char *)x->codes + j + (size_t)g * GROUP);                                       \
                    ivec8 dot = dot_group(codes_##FORMAT(b, g), e, LEAST);                                                       \
                    sum[g % 2] += __builtin_convertvector(dot, vec8) * run_scales(&s, g, RUN);                                   \
                }                                                                                                                \
            }                                                                                                                    \
            y[i] += sum_vec8(sum[0] + sum[1] - less);                                                                            \
        }                                                                                                                        \
    }
enum { INT8_AHEAD = 2048 };
BLOCK_FORMATS(BLOCK_INT8)

/* Codes without a sign, which 128 makes of those that have one; what the 128 adds is taken off with the least. */
#define BLOCK_APART(FORMAT, SIZE, BYTES, RUN, LEAST)                                                                             \
    static size_t apart_##FORMAT(unsigned char *to, float *scale, float *least, const unsigned char *w, size_t n)                \
    {                                                                                                                            \
        for (size_t j = 0; j < n; j += SIZE, w += BYTES) {                                                                       \
            struct scales s;                                                                                                     \
            scales_##FORMAT(&s, w);                                                                                              \
            for (int g = 0; g < SIZE / GROUP; g++)                                                                               \
                *(codes *)(to + j + (size_t)g * GROUP) = codes_##FORMAT(w, g) ^ (unsigned char)(LEAST ? 0 : 128);                \
            for (size_t r = 0; r < SIZE / RUN; r++) {                                                                            \
                scale[j / RUN + r] = s.scale[r];                                                                                 \
                least[j / RUN + r] = LEAST ? s.least[r] : 128 * s.scale[r];                                                      \
            }                                                                                                                    \
        }                                                                                                                        \
        return RUN;                                                                                                              \
    }
BLOCK_FORMATS(BLOCK_APART)

#endif
