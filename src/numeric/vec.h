/* vec.h - vectors as wide as the registers that the kernels are compiled for; only kernels_impl.c and what it includes use them.
 */
#ifndef DIFFTF_NUMERIC_VEC_H
#define DIFFTF_NUMERIC_VEC_H

#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* Floats in a register: GCC takes wider vectors apart through memory. */
#if defined(__AVX512F__)
enum { W = 16 };
#elif defined(__AVX2__)
enum { W = 8 };
#else
enum { W = 4 };
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef int ivec __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef unsigned int uvec __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef unsigned int packed __attribute__((vector_size(4 * W), aligned(1), may_alias));
typedef unsigned short hvec __attribute__((vector_size(2 * W), aligned(1), may_alias));
typedef signed char bvec __attribute__((vector_size(W), aligned(1), may_alias));

/* Where each number is used once, memory is the limit, and rows are too short for the processor to foresee the next: they are
 * asked for so many bytes early. */
enum { AHEAD = 4096 };

INLINE vec load(const float *p)
{
    return *(const vec *)p;
}

/* By halves. */
INLINE float sum_vec(vec v)
{
    typedef float quarter __attribute__((vector_size(16)));
    quarter q;
#if defined(__AVX512F__)
    typedef float half __attribute__((vector_size(32)));
    half h = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    q = __builtin_shufflevector(h, h, 0, 1, 2, 3) + __builtin_shufflevector(h, h, 4, 5, 6, 7);
#elif defined(__AVX2__)
    q = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    q = v;
#endif
    return (q[0] + q[2]) + (q[1] + q[3]);
}

INLINE vec from_bf16(hvec h)
{
    return (vec)(__builtin_convertvector(h, uvec) << 16);
}

INLINE vec from_f16(hvec h)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtph_ps((__m256i)h);
#elif defined(__F16C__)
    return (vec)_mm256_cvtph_ps((__m128i)h);
#else
    /* The lower 15 bits moved to a float's place are the number times 2^-112, subnormal ones too; infinity and NaN lie above. */
    uvec bits = __builtin_convertvector(h, uvec), sign = (bits & 0x8000u) << 16;
    vec magnitude = (vec)((bits & 0x7fffu) << 13) * 0x1p112f;
    uvec special = (uvec)((bits & 0x7c00u) == 0x7c00u) & 0x7f800000u;
    return (vec)((uvec)magnitude | sign | special);
#endif
}

/* W signed bytes. GCC would convert them by halves. */
INLINE vec from_bytes(const void *p)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
#elif defined(__AVX2__)
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p)));
#else
    return __builtin_convertvector(*(const bvec *)p, vec);
#endif
}

/* Eight floats, a register of AVX2. What streams from memory is read by so many: loads of a whole cache line that lie across two
 * are slower on some processors (Zen 5: 21 GB/s a core of BF16 where halves reach 45) and faster on none. */
enum { LANES_8 = 8 };
typedef float vec8 __attribute__((vector_size(4 * LANES_8), aligned(4), may_alias));
typedef unsigned int packed8 __attribute__((vector_size(4 * LANES_8), aligned(1), may_alias));
typedef unsigned short hvec8 __attribute__((vector_size(2 * LANES_8), aligned(1), may_alias));
typedef int ivec8 __attribute__((vector_size(4 * LANES_8), aligned(4), may_alias));

INLINE float sum_vec8(vec8 v)
{
    typedef float quarter __attribute__((vector_size(16)));
    quarter q = __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

INLINE vec8 from_f16_8(hvec8 h)
{
#if defined(__F16C__)
    return (vec8)_mm256_cvtph_ps((__m128i)h);
#else
    vec8 wide = {0};
    for (size_t k = 0; k < LANES_8 / W; k++) {
        hvec part;
        memcpy(&part, (const char *)&h + k * sizeof part, sizeof part);
        vec floats = from_f16(part);
        memcpy((char *)&wide + k * sizeof floats, &floats, sizeof floats);
    }
    return wide;
#endif
}

/* Eight signed bytes. */
INLINE vec8 from_8_bytes(const void *p)
{
#if defined(__AVX2__)
    return (vec8)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p)));
#else
    typedef signed char bytes8 __attribute__((vector_size(LANES_8), aligned(1), may_alias));
    return __builtin_convertvector(*(const bytes8 *)p, vec8);
#endif
}

#endif
