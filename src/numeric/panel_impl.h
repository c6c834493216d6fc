/* panel_impl.h - products of many rows with weights of two bytes or one; part of kernels_impl.c, where the processor has
 * instructions that multiply such numbers and add them up (AVX512-BF16, AVX512-VNNI).
 *
 * A panel holds the weights of 16 outputs side by side, so that one vector has a few numbers of each: words of 32 bits, two BF16
 * or four codes, [k / numbers of a word][16].
 */
#ifndef DIFFTF_NUMERIC_PANEL_IMPL_H
#define DIFFTF_NUMERIC_PANEL_IMPL_H

#include "numeric/int8_impl.h"

#include <stdint.h>

/* Rounded to the nearest, ties to even. */
static void to_bf16(uint16_t *out, const float *x, size_t n)
{
    size_t i = 0;
#if defined(__AVX512BF16__)
    for (; i + 16 <= n; i += 16)
        *(__m256i_u *)(out + i) = (__m256i)_mm512_cvtneps_pbh((__m512)load(x + i));
#endif
    for (; i < n; i++)
        out[i] = bf16_from_f32(x[i]);
}

#if defined(__AVX512BF16__) && defined(__AVX512VNNI__)
#define HAS_PANELS

enum { PANEL = 16 };

/* out [n][16] = the words of 16 rows, `stride` words apart, of n each; n a multiple of 16. */
static void interleave(uint32_t *out, const uint32_t *rows, size_t stride, size_t n)
{
    for (size_t i = 0; i < n; i += PANEL) {
        __m512i r[PANEL], t[PANEL];
        for (size_t k = 0; k < PANEL; k++)
            r[k] = _mm512_loadu_si512(rows + k * stride + i);
        for (size_t k = 0; k < PANEL; k += 2) {
            t[k] = _mm512_unpacklo_epi32(r[k], r[k + 1]);
            t[k + 1] = _mm512_unpackhi_epi32(r[k], r[k + 1]);
        }
        for (size_t k = 0; k < PANEL; k += 4) {
            r[k] = _mm512_unpacklo_epi64(t[k], t[k + 2]);
            r[k + 1] = _mm512_unpackhi_epi64(t[k], t[k + 2]);
            r[k + 2] = _mm512_unpacklo_epi64(t[k + 1], t[k + 3]);
            r[k + 3] = _mm512_unpackhi_epi64(t[k + 1], t[k + 3]);
        }
        for (size_t k = 0; k < 4; k++) { /* r[4 j + k] has words k, k + 4, k + 8, k + 12 of rows 4 j .. */
            __m512i a = _mm512_shuffle_i32x4(r[k], r[k + 4], 0x88), b = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0x88);
            __m512i c = _mm512_shuffle_i32x4(r[k], r[k + 4], 0xdd), d = _mm512_shuffle_i32x4(r[k + 8], r[k + 12], 0xdd);
            _mm512_storeu_si512(out + (i + k) * PANEL, _mm512_shuffle_i32x4(a, b, 0x88));
            _mm512_storeu_si512(out + (i + k + 8) * PANEL, _mm512_shuffle_i32x4(a, b, 0xdd));
            _mm512_storeu_si512(out + (i + k + 4) * PANEL, _mm512_shuffle_i32x4(c, d, 0x88));
            _mm512_storeu_si512(out + (i + k + 12) * PANEL, _mm512_shuffle_i32x4(c, d, 0xdd));
        }
    }
}

/* R rows by N panels of C: words of A, [R][words], times those of the panels. */
#define MICRO_BF16(R, N)                                                                                                         \
    static void bf16_##R##_##N(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b, size_t words)             \
    {                                                                                                                            \
        __m512 acc[R][N];                                                                                                        \
        for (size_t r = 0; r < R; r++)                                                                                           \
            for (size_t j = 0; j < N; j++)                                                                                       \
                acc[r][j] = _mm512_loadu_ps(c + r * ldc + PANEL * j);                                                            \
        for (size_t i = 0; i < words; i++) {                                                                                     \
            __m512bh w[N];                                                                                                       \
            for (size_t j = 0; j < N; j++)                                                                                       \
                w[j] = (__m512bh)_mm512_loadu_si512(b + (j * words + i) * PANEL);                                                \
            for (size_t r = 0; r < R; r++) {                                                                                     \
                __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[r * lda + i]);                                                   \
                for (size_t j = 0; j < N; j++)                                                                                   \
                    acc[r][j] = _mm512_dpbf16_ps(acc[r][j], w[j], x);                                                            \
            }                                                                                                                    \
        }                                                                                                                        \
        for (size_t r = 0; r < R; r++)                                                                                           \
            for (size_t j = 0; j < N; j++)                                                                                       \
                _mm512_storeu_ps(c + r * ldc + PANEL * j, acc[r][j]);                                                            \
    }
MICRO_BF16(6, 4)
MICRO_BF16(1, 4)
MICRO_BF16(6, 1)
MICRO_BF16(1, 1)

static void bf16_strip(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b, size_t m, size_t words, bool four)
{
    size_t i = 0;
    for (; i + 6 <= m; i += 6)
        (four ? bf16_6_4 : bf16_6_1)(c + i * ldc, ldc, a + i * lda, lda, b, words);
    for (; i < m; i++)
        (four ? bf16_1_4 : bf16_1_1)(c + i * ldc, ldc, a + i * lda, lda, b, words);
}

static void panel_gemm_bf16(float *c, size_t ldc, const uint32_t *a, size_t lda, const uint32_t *b, size_t m, size_t panels,
                            size_t words)
{
    size_t j = 0;
    for (; j + 4 <= panels; j += 4)
        bf16_strip(c + j * PANEL, ldc, a, lda, b + j * words * PANEL, m, words, true);
    for (; j < panels; j++)
        bf16_strip(c + j * PANEL, ldc, a, lda, b + j * words * PANEL, m, words, false);
}

/* R rows by N panels of C, a run of codes after another: their sums are whole numbers. */
#define MICRO_INT8(R, N)                                                                                                         \
    INLINE void int8_##R##_##N(float *c, size_t ldc, const struct int8_rows *a, size_t row, const struct int8_panels *b,         \
                               size_t panel, size_t runs, size_t run)                                                            \
    {                                                                                                                            \
        const uint32_t *words = b->words + panel * b->ld * PANEL;                                                                \
        const float *scale = b->scale + panel * runs * PANEL, *least = b->least + panel * runs * PANEL;                          \
        __m512 acc[R][N];                                                                                                        \
        for (size_t r = 0; r < R; r++)                                                                                           \
            for (size_t j = 0; j < N; j++)                                                                                       \
                acc[r][j] = _mm512_loadu_ps(c + r * ldc + PANEL * j);                                                            \
        for (size_t g = 0; g < runs; g++) {                                                                                      \
            __m512i dot[R][N];                                                                                                   \
            for (size_t r = 0; r < R; r++)                                                                                       \
                for (size_t j = 0; j < N; j++)                                                                                   \
                    dot[r][j] = _mm512_setzero_si512();                                                                          \
            _Pragma("GCC unroll 8") for (size_t i = 0; i < run / 4; i++)                                                         \
            {                                                                                                                    \
                __m512i w[N];                                                                                                    \
                for (size_t j = 0; j < N; j++)                                                                                   \
                    w[j] = _mm512_loadu_si512(words + (j * b->ld + g * (run / 4) + i) * PANEL);                                  \
                for (size_t r = 0; r < R; r++) {                                                                                 \
                    __m512i x = _mm512_set1_epi32((int)a->words[(row + r) * a->ld / 4 + g * (run / 4) + i]);                     \
                    for (size_t j = 0; j < N; j++)                                                                               \
                        dot[r][j] = _mm512_dpbusd_epi32(dot[r][j], w[j], x);                                                     \
                }                                                                                                                \
            }                                                                                                                    \
            for (size_t r = 0; r < R; r++) {                                                                                     \
                __m512 e = _mm512_set1_ps(a->scale[((row + r) * a->ld + g * run) / GROUP]);                                      \
                __m512 sum = _mm512_set1_ps((run == GROUP ? a->sum32 : a->sum16)[((row + r) * a->ld + g * run) / run]);          \
                for (size_t j = 0; j < N; j++) {                                                                                 \
                    __m512 d = _mm512_loadu_ps(scale + (j * runs + g) * PANEL);                                                  \
                    acc[r][j] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(dot[r][j]), d), e, acc[r][j]);                  \
                    acc[r][j] = _mm512_fnmadd_ps(_mm512_loadu_ps(least + (j * runs + g) * PANEL), sum, acc[r][j]);               \
                }                                                                                                                \
            }                                                                                                                    \
        }                                                                                                                        \
        for (size_t r = 0; r < R; r++)                                                                                           \
            for (size_t j = 0; j < N; j++)                                                                                       \
                _mm512_storeu_ps(c + r * ldc + PANEL * j, acc[r][j]);                                                            \
    }
MICRO_INT8(6, 2)
MICRO_INT8(1, 2)
MICRO_INT8(6, 1)
MICRO_INT8(1, 1)

INLINE void int8_strips(float *c, size_t ldc, const struct int8_rows *a, const struct int8_panels *b, size_t m, size_t panels,
                        size_t runs, size_t run)
{
    for (size_t j = 0; j < panels; j += 2) {
        bool two = j + 2 <= panels;
        size_t i = 0;
        for (; i + 6 <= m; i += 6)
            if (two)
                int8_6_2(c + i * ldc + j * PANEL, ldc, a, i, b, j, runs, run);
            else
                int8_6_1(c + i * ldc + j * PANEL, ldc, a, i, b, j, runs, run);
        for (; i < m; i++)
            if (two)
                int8_1_2(c + i * ldc + j * PANEL, ldc, a, i, b, j, runs, run);
            else
                int8_1_1(c + i * ldc + j * PANEL, ldc, a, i, b, j, runs, run);
    }
}

static void panel_gemm_int8(float *c, size_t ldc, const struct int8_rows *a, const struct int8_panels *b, size_t m, size_t panels,
                            size_t k)
{
    if (b->run == GROUP)
        int8_strips(c, ldc, a, b, m, panels, k / GROUP, GROUP);
    else
        int8_strips(c, ldc, a, b, m, panels, k / 16, 16);
}

/* `terms` products a lane of the instruction, on chains that hide its latency. */
#define BUSY(NAME, VECTOR, START, INSTRUCTION, TERMS)                                                                            \
    static double busy_##NAME(size_t rounds)                                                                                     \
    {                                                                                                                            \
        enum { CHAINS = 12 };                                                                                                    \
        VECTOR sum[CHAINS];                                                                                                      \
        _Pragma("GCC unroll 12") for (size_t k = 0; k < CHAINS; k++) sum[k] = START(k);                                          \
        __m512i x = _mm512_set1_epi32(0x3f003f00), y = _mm512_set1_epi32(0x3e803e80);                                            \
        for (size_t i = 0; i < rounds; i++) {                                                                                    \
            _Pragma("GCC unroll 12") for (size_t k = 0; k < CHAINS; k++) sum[k] = INSTRUCTION(sum[k]);                           \
            __asm__ volatile("" : "+m"(rounds)); /* every round is done */                                                       \
        }                                                                                                                        \
        _Pragma("GCC unroll 12") for (size_t k = 1; k < CHAINS; k++) sum[0] += sum[k];                                           \
        volatile double kept = (double)sum[0][0];                                                                                \
        (void)kept;                                                                                                              \
        return 2.0 * 16 * TERMS * CHAINS * (double)rounds;                                                                       \
    }
#define BF16_STEP(s) _mm512_dpbf16_ps(s, (__m512bh)x, (__m512bh)y)
#define INT8_STEP(s) _mm512_dpbusd_epi32(s, x, y)
#define BF16_START(k) _mm512_set1_ps((float)(k))
#define INT8_START(k) _mm512_set1_epi32((int)(k))
BUSY(bf16, __m512, BF16_START, BF16_STEP, 2)
BUSY(int8, __m512i, INT8_START, INT8_STEP, 4)

#endif
#endif
