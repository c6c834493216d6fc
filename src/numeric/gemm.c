/* gemm.c - blocked products over OpenBLAS; see gemm.h. */
#include "numeric/gemm.h"

#include "numeric/kernels.h"

#include <cblas.h>
#include <stdbool.h>
#include <string.h>

enum {
    ROW_BLOCK = 128,
    OUT_BLOCK = 512,
    PANEL_ROWS = 512, /* of stored weights: every row that there is shares the widening */
    PANEL_OUT = 128,
    PANEL_IN = 512,
    MANY_ROWS = 4,
    FEW_OUT = 64,
    FEW_IN = 512,
    FEW_WORK = 1 << 18, /* multiplications that are worth a thread */
};

/* OpenBLAS brings threads of its own; ours divide the work, so each call of it runs alone. */
__attribute__((constructor)) static void one_blas_thread(void)
{
    openblas_set_num_threads(1);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* No more threads than blocks: starting one that finds nothing to do costs more than a small product. */
static int useful(int threads, size_t blocks)
{
    return (size_t)threads < blocks ? threads : (int)blocks;
}

/* Few rows: each thread takes blocks of outputs; weights that are no floats pass through a buffer in the first cache. */
static void few_rows(float *y, const float *x, const struct matrix *w, size_t rows, size_t out, size_t in, float beta,
                     int threads)
{
    const struct kernels *k = kernels_get();
    size_t blocks = (out + FEW_OUT - 1) / FEW_OUT;
    threads = useful(threads, out * in / FEW_WORK + 1);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (size_t block = 0; block < blocks; block++) {
        size_t j0 = block * FEW_OUT, m = least(FEW_OUT, out - j0);
        float wide[4 * FEW_IN];
        for (size_t i = 0; i < rows && beta == 0; i++)
            memset(y + i * out + j0, 0, m * sizeof *y);
        if (w->f32 != NULL) {
            for (size_t i = 0; i < rows; i++)
                k->matvec(y + i * out + j0, w->f32 + j0 * in, in, x + i * in, m, in);
            continue;
        }
        for (size_t c = 0; c < in; c += FEW_IN) {
            size_t n = least(FEW_IN, in - c);
            if (w->dtype == DTYPE_BF16 && n % 32 == 0) {
                for (size_t i = 0; i < rows; i++) {
                    for (size_t p = 0; p < n; p++)
                        wide[p / 2 + p % 2 * (n / 2)] = x[i * in + c + p];
                    k->matvec_bf16(y + i * out + j0, w->data + 2 * (j0 * in + c), in, wide, m, n);
                }
                continue;
            }
            for (size_t j = j0; j < j0 + m; j += 4) {
                size_t group = least(4, j0 + m - j);
                for (size_t r = 0; r < group; r++)
                    matrix_widen(wide + r * FEW_IN, w, (j + r) * in + c, n);
                for (size_t i = 0; i < rows; i++)
                    k->matvec(y + i * out + j, wide, FEW_IN, x + i * in + c, group, n);
            }
        }
    }
}

/* y block [m, n] from rows of x and a panel of weights that are no floats, widened piece by piece. */
static void widened_block(float *y, size_t ldy, const float *x, const struct matrix *w, size_t first, size_t m, size_t n,
                          size_t in, float beta)
{
    float panel[(size_t)PANEL_OUT * PANEL_IN];
    for (size_t c = 0; c < in; c += PANEL_IN) {
        size_t depth = least(PANEL_IN, in - c);
        for (size_t j = 0; j < n; j++)
            matrix_widen(panel + j * depth, w, (first + j) * in + c, depth);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)depth, 1.0f, x + c, (int)in, panel, (int)depth,
                    c ? 1.0f : beta, y, (int)ldy);
    }
}

void linear_forward(float *y, const float *x, const struct matrix *w, size_t rows, size_t out, size_t in, float beta, int threads)
{
    if (rows < MANY_ROWS) {
        few_rows(y, x, w, rows, out, in, beta, threads);
        return;
    }
    bool wide = w->f32 != NULL;
    size_t row_block = wide ? ROW_BLOCK : PANEL_ROWS, out_block = wide ? OUT_BLOCK : PANEL_OUT;
    size_t n_row = (rows + row_block - 1) / row_block, n_out = (out + out_block - 1) / out_block;
    threads = useful(threads, n_row * n_out);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_row * n_out; block++) {
        size_t i = block / n_out * row_block, j = block % n_out * out_block;
        size_t m = least(row_block, rows - i), n = least(out_block, out - j);
        if (wide)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)in, 1.0f, x + i * in, (int)in,
                        w->f32 + j * in, (int)in, beta, y + i * out + j, (int)out);
        else
            widened_block(y + i * out + j, out, x + i * in, w, j, m, n, in, beta);
    }
}

void linear_backward_input(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in, float beta,
                           int threads)
{
    size_t n_row = (rows + ROW_BLOCK - 1) / ROW_BLOCK;
    threads = useful(threads, n_row);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_row; block++) {
        size_t i = block * ROW_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)least(ROW_BLOCK, rows - i), (int)in, (int)out, 1.0f,
                    dy + i * out, (int)out, w, (int)in, beta, dx + i * in, (int)in);
    }
}

void linear_backward_weight(float *dw, const float *dy, const float *x, size_t rows, size_t out, size_t in, int threads)
{
    size_t n_out = (out + ROW_BLOCK - 1) / ROW_BLOCK;
    threads = useful(threads, n_out);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_out; block++) {
        size_t j = block * ROW_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)least(ROW_BLOCK, out - j), (int)in, (int)rows, 1.0f, dy + j,
                    (int)out, x, (int)in, 1.0f, dw + j * in, (int)in);
    }
}
