/* gemm.c - blocked products over OpenBLAS; see gemm.h. */
#include "numeric/gemm.h"

#include <cblas.h>

enum { ROW_BLOCK = 128, OUT_BLOCK = 512 };

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

void linear_forward(float *y, const float *x, const float *w, size_t rows, size_t out, size_t in, float beta, int threads)
{
    size_t n_row = (rows + ROW_BLOCK - 1) / ROW_BLOCK, n_out = (out + OUT_BLOCK - 1) / OUT_BLOCK;
    threads = useful(threads, n_row * n_out);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (size_t block = 0; block < n_row * n_out; block++) {
        size_t i = block / n_out * ROW_BLOCK, j = block % n_out * OUT_BLOCK;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)least(ROW_BLOCK, rows - i), (int)least(OUT_BLOCK, out - j),
                    (int)in, 1.0f, x + i * in, (int)in, w + j * in, (int)in, beta, y + i * out + j, (int)out);
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
