/* kernels_impl.c - the innermost loops; compiled once for each instruction set
 * with KERNELS naming the table.  A vector is as wide as the registers: GCC
 * takes wider ones apart through memory. */
#include "numeric/kernels.h"

#include "numeric/blocks_impl.h"
#include "numeric/int8_impl.h"
#include "numeric/matvec_impl.h"
#include "numeric/panel_impl.h"
#include "numeric/vec.h"

#include <math.h>
#include <string.h>

enum { ROWS = 6, LINE = 16 / W }; /* rows of a product; vectors in a cache line */

/* exp by 2^n * polynomial on [-ln2/2, ln2/2]; relative error below 2e-7; 0 below -87. */
INLINE vec exp_vec(vec x)
{
    const vec lowest = (vec){0} - 87.0f, highest = (vec){0} + 88.0f;
    ivec keep = x >= lowest;
    x = (vec)(((ivec)x & keep) | ((ivec)lowest & ~keep));
    ivec fits = x <= highest;
    x = (vec)(((ivec)x & fits) | ((ivec)highest & ~fits));
    vec shifted = x * 1.44269504088896341f + 12582912.0f; /* rounds: the integer lands in the low mantissa bits */
    vec n = shifted - 12582912.0f;
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f; /* Cephes expf coefficients */
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    ivec bits = (ivec)p + ((ivec)shifted << 23);
    return (vec)(bits & keep);
}

/* R rows by N vectors of C, all of k: the accumulators stay in registers. */
#define MICRO(R, N)                                                                                                              \
    static inline void micro_##R##_##N(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b,         \
                                       size_t ldb, size_t k)                                                                     \
    {                                                                                                                            \
        vec acc[R][N];                                                                                                           \
        for (int r = 0; r < R; r++)                                                                                              \
            for (int j = 0; j < N; j++)                                                                                          \
                acc[r][j] = load(c + (size_t)r * ldc + W * (size_t)j);                                                           \
        for (size_t i = 0; i < k; i++) {                                                                                         \
            if (R == 1)                                                                                                          \
                for (int j = 0; j < N; j += LINE)                                                                                \
                    __builtin_prefetch(b + i * ldb + W * (size_t)j + AHEAD / sizeof *b);                                         \
            for (int r = 0; r < R; r++)                                                                                          \
                for (int j = 0; j < N; j++)                                                                                      \
                    acc[r][j] += a[(size_t)r * a_row + i * a_col] * load(b + i * ldb + W * (size_t)j);                           \
        }                                                                                                                        \
        for (int r = 0; r < R; r++)                                                                                              \
            for (int j = 0; j < N; j++)                                                                                          \
                *(vec *)(c + (size_t)r * ldc + W * (size_t)j) = acc[r][j];                                                       \
    }
MICRO(1, 1)
MICRO(1, 2)
MICRO(1, 4)
MICRO(1, 8)
MICRO(6, 1)
MICRO(6, 2)
#if defined(__AVX512F__)
MICRO(6, 4)
#endif

typedef void micro_kernel(float *, size_t, const float *, size_t, size_t, const float *, size_t, size_t);

INLINE void strip(micro_kernel *rows, micro_kernel *row, float *c, size_t ldc, const float *a, size_t a_row, size_t a_col,
                  const float *b, size_t ldb, size_t m, size_t k)
{
    size_t i = 0;
    for (; i + ROWS <= m; i += ROWS)
        rows(c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, k);
    for (; i < m; i++)
        row(c + i * ldc, ldc, a + i * a_row, a_row, a_col, b, ldb, k);
}

static void tile_gemm(float *c, size_t ldc, const float *a, size_t a_row, size_t a_col, const float *b, size_t ldb, size_t m,
                      size_t n, size_t k)
{
    size_t j = 0;
    for (; m == 1 && j + 8 * W <= n; j += 8 * W) /* decoding reads B once: the wider the better */
        micro_1_8(c + j, ldc, a, a_row, a_col, b + j, ldb, k);
#if defined(__AVX512F__)
    for (; j + 4 * W <= n; j += 4 * W)
        strip(micro_6_4, micro_1_4, c + j, ldc, a, a_row, a_col, b + j, ldb, m, k);
#else
    for (; m == 1 && j + 4 * W <= n; j += 4 * W)
        micro_1_4(c + j, ldc, a, a_row, a_col, b + j, ldb, k);
#endif
    for (; j + 2 * W <= n; j += 2 * W)
        strip(micro_6_2, micro_1_2, c + j, ldc, a, a_row, a_col, b + j, ldb, m, k);
    for (; j + W <= n; j += W)
        strip(micro_6_1, micro_1_1, c + j, ldc, a, a_row, a_col, b + j, ldb, m, k);
    if (j == n)
        return;
    for (size_t i = 0; i < m; i++)
        for (size_t p = 0; p < k; p++) {
            float x = a[i * a_row + p * a_col];
            for (size_t t = j; t < n; t++)
                c[i * ldc + t] += x * b[p * ldb + t];
        }
}

static float softmax_step(float *s, size_t n, float scale, float *max, float *sum)
{
    vec top = load(s);
    for (size_t i = W; i < n; i += W) {
        vec x = load(s + i);
        ivec more = x > top;
        top = (vec)(((ivec)x & more) | ((ivec)top & ~more));
    }
    float t[W], highest = *max;
    memcpy(t, &top, sizeof t);
    for (int i = 0; i < W; i++)
        if (t[i] * scale > highest)
            highest = t[i] * scale;
    if (highest == -INFINITY) { /* every score so far is masked */
        memset(s, 0, n * sizeof *s);
        return 1.0f;
    }
    float shrink = *max == -INFINITY ? 0.0f : *max == highest ? 1.0f : expf(*max - highest);
    vec total = {0};
    for (size_t i = 0; i < n; i += W) {
        vec e = exp_vec(load(s + i) * scale - highest);
        *(vec *)(s + i) = e;
        total += e;
    }
    *sum = *sum * shrink + sum_vec(total);
    *max = highest;
    return shrink;
}

static void exp_shift(float *s, size_t n, float scale, float shift)
{
    for (size_t i = 0; i < n; i += W)
        *(vec *)(s + i) = exp_vec(load(s + i) * scale - shift);
}

static void swiglu(float *y, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + W <= n; i += W) {
        vec g = load(gate + i);
        *(vec *)(y + i) = g / (1.0f + exp_vec(-g)) * load(up + i);
    }
    if (i < n) {
        float g[W] = {0}, u[W] = {0}, out[W];
        memcpy(g, gate + i, (n - i) * sizeof *g);
        memcpy(u, up + i, (n - i) * sizeof *u);
        swiglu(out, g, u, W);
        memcpy(y + i, out, (n - i) * sizeof *y);
    }
}

static void swiglu_backward(float *d_gate, float *d_up, const float *dy, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + W <= n; i += W) {
        vec g = load(gate + i), d = load(dy + i), u = load(up + i);
        vec sigmoid = 1.0f / (1.0f + exp_vec(-g));
        *(vec *)(d_up + i) = d * g * sigmoid;
        *(vec *)(d_gate + i) = d * u * sigmoid * (1.0f + g * (1.0f - sigmoid));
    }
    if (i < n) {
        float d[W] = {0}, g[W] = {0}, u[W] = {0}, out_g[W], out_u[W];
        memcpy(d, dy + i, (n - i) * sizeof *d);
        memcpy(g, gate + i, (n - i) * sizeof *g);
        memcpy(u, up + i, (n - i) * sizeof *u);
        swiglu_backward(out_g, out_u, d, g, u, W);
        memcpy(d_gate + i, out_g, (n - i) * sizeof *d_gate);
        memcpy(d_up + i, out_u, (n - i) * sizeof *d_up);
    }
}

static double exp_sum(const float *x, size_t n, float shift)
{
    double total = 0;
    for (size_t i = 0; i < n; i += W) {
        float t[W];
        for (size_t j = 0; j < W; j++)
            t[j] = i + j < n ? x[i + j] : -INFINITY;
        total += (double)sum_vec(exp_vec(load(t) - shift));
    }
    return total;
}

static double dot(const float *a, const float *b, size_t n)
{
    double total = 0;
    for (size_t i = 0; i + W <= n; i += W)
        total += (double)sum_vec(load(a + i) * load(b + i));
    for (size_t i = n / W * W; i < n; i++)
        total += (double)a[i] * (double)b[i];
    return total;
}

static double busy(size_t rounds)
{
    enum { SUMS_ENOUGH = 12 }; /* chains that hide the latency of an addition, and still fit the registers */
    vec sum[SUMS_ENOUGH], x = (vec){0} + 0.5f, y = (vec){0} + 0.25f;
#pragma GCC unroll 12 /* here and below: the sums have to stay in registers */
    for (int k = 0; k < SUMS_ENOUGH; k++)
        sum[k] = x + (float)k; /* different ones: equal chains would be computed once */
    for (size_t i = 0; i < rounds; i++) {
#pragma GCC unroll 12
        for (int k = 0; k < SUMS_ENOUGH; k++)
            sum[k] = sum[k] * x + y;
        __asm__ volatile("" : "+m"(rounds)); /* every round is done */
    }
#pragma GCC unroll 12
    for (int k = 1; k < SUMS_ENOUGH; k++)
        sum[0] += sum[k];
    volatile float kept = sum_vec(sum[0]);
    (void)kept;
    return 2.0 * W * SUMS_ENOUGH * (double)rounds;
}

static void widen_f32(float *out, const unsigned char *x, size_t n)
{
    memcpy(out, x, n * sizeof *out);
}

#define WIDEN(FORMAT)                                                                                                            \
    static void widen_##FORMAT(float *out, const unsigned char *x, size_t n)                                                     \
    {                                                                                                                            \
        size_t i = 0;                                                                                                            \
        for (; i + W <= n; i += W)                                                                                               \
            *(vec *)(out + i) = from_##FORMAT(*(const hvec *)(x + 2 * i));                                                       \
        if (i < n) {                                                                                                             \
            hvec last = {0};                                                                                                     \
            memcpy(&last, x + 2 * i, 2 * (n - i));                                                                               \
            vec wide = from_##FORMAT(last);                                                                                      \
            memcpy(out + i, &wide, (n - i) * sizeof *out);                                                                       \
        }                                                                                                                        \
    }
WIDEN(f16)
WIDEN(bf16)

static bool finite_16(const unsigned char *x, size_t n, unsigned short exponent)
{
    typedef unsigned short lanes __attribute__((vector_size(4 * W), aligned(1), may_alias));
    typedef unsigned long long words __attribute__((vector_size(4 * W)));
    lanes bad = {0};
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __builtin_prefetch(x + 2 * i + AHEAD);
        for (size_t k = 0; k < LINE; k++) {
            lanes h = *(const lanes *)(x + 2 * i + 4 * W * k) & exponent;
            bad |= (lanes)(h == exponent);
        }
    }
    words any = (words)bad;
    unsigned long long found = 0;
    for (int k = 0; k < W / 2; k++)
        found |= any[k];
    for (; i < n; i++)
        found |= ((x[2 * i] | (unsigned)x[2 * i + 1] << 8) & exponent) == exponent;
    return found == 0;
}

#if defined(HAS_PANELS)
static const struct panel_kernels PANELS = {.busy_bf16 = busy_bf16,
                                            .busy_int8 = busy_int8,
                                            .interleave = interleave,
                                            .gemm_bf16 = panel_gemm_bf16,
                                            .gemm_int8 = panel_gemm_int8};
#endif

extern const struct kernels KERNELS;
const struct kernels KERNELS = {
    .name = KERNELS_NAME,
    .tile_gemm = tile_gemm,
    .softmax_step = softmax_step,
    .exp_shift = exp_shift,
    .swiglu = swiglu,
    .swiglu_backward = swiglu_backward,
    .exp_sum = exp_sum,
    .dot = dot,
    .busy = busy,
#define FORMAT(NAME, KERNEL, KIND) [DTYPE_##NAME] = KIND##_##KERNEL
#define FORMATS_OF_BLOCKS(KIND)                                                                                                  \
    FORMAT(Q4_0, q4_0, KIND), FORMAT(Q4_1, q4_1, KIND), FORMAT(Q5_0, q5_0, KIND), FORMAT(Q5_1, q5_1, KIND),                      \
        FORMAT(Q8_0, q8_0, KIND), FORMAT(Q2_K, q2_k, KIND), FORMAT(Q3_K, q3_k, KIND), FORMAT(Q4_K, q4_k, KIND),                  \
        FORMAT(Q5_K, q5_k, KIND), FORMAT(Q6_K, q6_k, KIND), FORMAT(IQ4_NL, iq4_nl, KIND), FORMAT(IQ4_XS, iq4_xs, KIND)
#define FORMATS(KIND) FORMAT(F32, f32, KIND), FORMAT(F16, f16, KIND), FORMAT(BF16, bf16, KIND), FORMATS_OF_BLOCKS(KIND)
    .matvec = {FORMATS(matvec)},
    .together = TOGETHER,
    .matvec_more = {FORMAT(F32, f32, matvec_more), FORMAT(F16, f16, matvec_more), FORMAT(BF16, bf16, matvec_more)},
    .widen = {FORMATS(widen)},
    .matvec_int8 = {FORMATS_OF_BLOCKS(matvec_int8)},
    .apart = {FORMATS_OF_BLOCKS(apart)},
    .to_int8 = to_int8,
    .to_bf16 = to_bf16,
#if defined(HAS_PANELS)
    .panel = &PANELS,
#endif
    .finite_16 = finite_16,
};
