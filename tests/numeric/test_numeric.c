/* Kernels and layers against plain double-precision loops, for every instruction set this machine runs. */
#include "base/memory.h"
#include "base/random.h"
#include "numeric/arrays.h"
#include "numeric/gemm.h"
#include "numeric/kernels.h"
#include "numeric/layers.h"
#include "suite_main.h"

#include <math.h>
#include <string.h>

START_TEST(tile_gemm_of_every_shape)
{
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
        for (size_t m = 1; m <= 14; m++)
            for (size_t n = 1; n <= 131; n += 13)
                for (size_t depth = 1; depth <= 33; depth += 16) {
                    float *a = random_array(m * depth, 1, 1), *b = random_array(depth * n, 2, 1), *c = random_array(m * n, 3, 1);
                    double *want = mem_array(m * n, sizeof *want);
                    for (size_t i = 0; i < m; i++)
                        for (size_t j = 0; j < n; j++) {
                            want[i * n + j] = (double)c[i * n + j];
                            for (size_t p = 0; p < depth; p++) /* A stored by columns */
                                want[i * n + j] += (double)a[p * m + i] * (double)b[p * n + j];
                        }
                    (*k)->tile_gemm(c, n, a, 1, m, b, n, m, n, depth);
                    expect_near((*k)->name, c, want, m * n, 1e-6);
                    free(a);
                    free(b);
                    free(c);
                    free(want);
                }
}
END_TEST

START_TEST(exp_is_accurate_and_ends_at_zero)
{
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
        for (int start = -90; start < 88; start++) {
            float x[16], y[16];
            for (int i = 0; i < 16; i++)
                x[i] = y[i] = (float)start + (float)i / 16;
            (*k)->exp_shift(y, 16, 1, 0);
            for (int i = 0; i < 16; i++) {
                double want = x[i] < -87 ? 0 : exp((double)x[i]);
                ck_assert_msg(fabs((double)y[i] - want) <= 2e-7 * want, "%s: exp(%g) is %.9g, expected %.9g", (*k)->name,
                              (double)x[i], (double)y[i], want);
            }
        }
}
END_TEST

START_TEST(softmax_step_skips_masked_rows)
{
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++) {
        float s[16], max = -INFINITY, sum = 0;
        for (int i = 0; i < 16; i++)
            s[i] = -INFINITY;
        (*k)->softmax_step(s, 16, 1, &max, &sum);
        ck_assert(sum == 0 && s[3] == 0);
        s[0] = 2;
        for (int i = 1; i < 16; i++)
            s[i] = -INFINITY;
        (*k)->softmax_step(s, 16, 1, &max, &sum);
        ck_assert(sum == 1 && max == 2 && s[0] == 1 && s[1] == 0);
    }
}
END_TEST

START_TEST(swiglu_and_its_gradient)
{
    enum { N = 37 };
    float *g = random_array(N, 4, 3), *u = random_array(N, 5, 1), *d = random_array(N, 6, 1), y[N], dg[N], du[N];
    double want[N], want_g[N], want_u[N];
    for (int i = 0; i < N; i++) {
        double x = (double)g[i], s = 1 / (1 + exp(-x));
        want[i] = x * s * (double)u[i];
        want_u[i] = (double)d[i] * x * s;
        want_g[i] = (double)d[i] * (double)u[i] * (s + x * s * (1 - s));
    }
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++) {
        (*k)->swiglu(y, g, u, N);
        (*k)->swiglu_backward(dg, du, d, g, u, N);
        expect_near("y", y, want, N, 1e-6);
        expect_near("d_gate", dg, want_g, N, 1e-6);
        expect_near("d_up", du, want_u, N, 1e-6);
    }
    free(g);
    free(u);
    free(d);
}
END_TEST

START_TEST(linear_layers_for_any_number_of_threads)
{
    size_t rows = 150, out = 530, in = 40;
    float *x = random_array(rows * in, 1, 1), *w = random_array(out * in, 2, 1), *y = random_array(rows * out, 3, 1),
          *y2 = random_array(rows * out, 3, 1);
    double *want = mem_array(rows * out, sizeof *want);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < out; j++)
            for (size_t p = 0; p < in; p++)
                want[i * out + j] += (double)x[i * in + p] * (double)w[j * in + p];
    struct matrix m = matrix_of(w);
    linear_forward(&(struct linear){y, &m, NULL, out}, 1, x, rows, in, COMPUTE_F32, 1);
    linear_forward(&(struct linear){y2, &m, NULL, out}, 1, x, rows, in, COMPUTE_F32, 3);
    expect_near("y", y, want, rows * out, 1e-6);
    ck_assert_int_eq(memcmp(y, y2, rows * out * sizeof *y), 0);
    free(x);
    free(w);
    free(y);
    free(y2);
    free(want);
}
END_TEST

/* Central differences of sum(weight * f(x)) against an analytic gradient. */
START_TEST(rmsnorm_gradient_matches_differences)
{
    enum { ROWS = 3, WIDTH = 10 };
    float *x = random_array(ROWS * WIDTH, 1, 1), *g = random_array(WIDTH, 2, 1), *d = random_array(ROWS * WIDTH, 3, 1);
    float y[ROWS * WIDTH], dx[ROWS * WIDTH], dg[WIDTH] = {0};
    rmsnorm_backward(dx, dg, d, x, g, ROWS, WIDTH, 1e-5f, 0.3f, 0);
    for (int i = 0; i < ROWS * WIDTH + WIDTH; i++) {
        float *at = i < ROWS * WIDTH ? &x[i] : &g[i - ROWS * WIDTH], keep = *at;
        double sum[2];
        for (int side = 0; side < 2; side++) {
            *at = keep + (side ? 1e-2f : -1e-2f);
            rmsnorm_forward(y, x, g, ROWS, WIDTH, 1e-5f, 0.3f, 1);
            sum[side] = 0;
            for (int j = 0; j < ROWS * WIDTH; j++)
                sum[side] += (double)y[j] * (double)d[j];
        }
        *at = keep;
        double want = (sum[1] - sum[0]) / 2e-2, got = (double)(i < ROWS * WIDTH ? dx[i] : dg[i - ROWS * WIDTH]);
        ck_assert_msg(fabs(got - want) < 1e-3, "gradient %d is %g, expected %g", i, got, want);
    }
    free(x);
    free(g);
    free(d);
}
END_TEST

START_TEST(rope_turns_back)
{
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8], c[4], s[4];
        for (int j = 0; j < 4; j++) {
            c[j] = cosf((float)j);
            s[j] = sinf((float)j);
        }
        memcpy(y, x, sizeof x);
        rope_apply(y, c, s, 1, 1, 8, interleaved, 1, 1);
        int partner = interleaved ? 3 : 5;
        int first = interleaved ? 2 : 1;
        ck_assert(fabsf(y[first] - (x[first] * c[1] - x[partner] * s[1])) < 1e-6f);
        rope_apply(y, c, s, 1, 1, 8, interleaved, -1, 1);
        for (int i = 0; i < 8; i++)
            ck_assert(fabsf(y[i] - x[i]) < 1e-5f);
    }
}
END_TEST

START_TEST(cross_entropy_in_blocks_of_the_vocabulary)
{
    enum { ROWS = 3, D = 4, V = 9001 }; /* three blocks, the last one short */
    float *x = random_array(ROWS * D, 1, 1), *w = random_array(V * D, 2, 1), *dw = mem_array(V * D, sizeof *dw), dx[ROWS * D];
    float *work = mem_array(cross_entropy_work(ROWS, V), sizeof *work);
    int32_t targets[ROWS] = {0, 5000, -1};
    double nll[ROWS], want[ROWS * D] = {0}, *want_w = mem_array(V * D, sizeof *want_w);
    struct matrix m = matrix_of(w);
    cross_entropy(nll, dx, dw, x, &m, targets, ROWS, D, V, 0.5f, work, COMPUTE_F32, 2);
    for (int i = 0; i < ROWS; i++) {
        double sum = 0, logit[V];
        for (int v = 0; v < V; v++) {
            logit[v] = 0;
            for (int j = 0; j < D; j++)
                logit[v] += (double)x[i * D + j] * (double)w[v * D + j];
            sum += exp(logit[v]);
        }
        double loss = targets[i] < 0 ? 0 : log(sum) - logit[targets[i]];
        ck_assert_msg(fabs(nll[i] - loss) < 1e-5, "nll %d is %g, expected %g", i, nll[i], loss);
        for (int v = 0; v < V && targets[i] >= 0; v++)
            for (int j = 0; j < D; j++) {
                double p = 0.5 * (exp(logit[v]) / sum - (v == targets[i]));
                want[i * D + j] += p * (double)w[v * D + j];
                want_w[v * D + j] += p * (double)x[i * D + j];
            }
    }
    expect_near("dx", dx, want, ROWS * D, 1e-5);
    expect_near("dw", dw, want_w, V * D, 1e-5);
    free(x);
    free(w);
    free(dw);
    free(work);
    free(want_w);
}
END_TEST

SUITE_MAIN("numeric", tile_gemm_of_every_shape, exp_is_accurate_and_ends_at_zero, softmax_step_skips_masked_rows,
           swiglu_and_its_gradient, linear_layers_for_any_number_of_threads, rmsnorm_gradient_matches_differences,
           rope_turns_back, cross_entropy_in_blocks_of_the_vocabulary)
