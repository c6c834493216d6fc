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
    FEW_OUT = 16,
    FEW_SPLIT = 4096,
    FEW_WIDE = 512,
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

/* What a thread of few_rows works on: outputs first .. first + m - 1 of every row. */
struct few {
    float *y;
    const float *x;
    const struct matrix *w;
    size_t rows, out, in, first, m;
};

static void few_f32(const struct few *f)
{
    for (size_t j = f->first; j < f->first + f->m; j += FEW_OUT)
        for (size_t i = 0; i < f->rows; i++)
            kernels_get()->matvec(f->y + i * f->out + j, f->w->f32 + j * f->in, f->in, f->x + i * f->in,
                                  least(FEW_OUT, f->first + f->m - j), f->in);
}

/* Whole rows of weights, as far as the split vectors fit the second cache: memory is read once, in its order. */
static void few_bf16(const struct few *f)
{
    float split[MANY_ROWS - 1][FEW_SPLIT];
    for (size_t c = 0, n; c < f->in; c += n) {
        n = least(FEW_SPLIT, f->in - c);
        for (size_t i = 0; i < f->rows; i++)
            for (size_t p = 0; p < n / 2; p++) {
                split[i][p] = f->x[i * f->in + c + 2 * p];
                split[i][n / 2 + p] = f->x[i * f->in + c + 2 * p + 1];
            }
        for (size_t j = f->first; j < f->first + f->m; j += FEW_OUT)
            for (size_t i = 0; i < f->rows; i++)
                kernels_get()->matvec_bf16(f->y + i * f->out + j, f->w->data + 2 * (j * f->in + c), f->in, split[i],
                                           least(FEW_OUT, f->first + f->m - j), n);
    }
}

/* Any other storage passes through a buffer in the first cache. */
static void few_widened(const struct few *f)
{
    enum { GROUP = 4 };
    float wide[GROUP * FEW_WIDE];
    for (size_t j = f->first; j < f->first + f->m; j += GROUP)
        for (size_t c = 0, n; c < f->in; c += n) {
            size_t group = least(GROUP, f->first + f->m - j);
            n = least(FEW_WIDE, f->in - c);
            for (size_t r = 0; r < group; r++)
                matrix_widen(wide + r * FEW_WIDE, f->w, (j + r) * f->in + c, n);
            for (size_t i = 0; i < f->rows; i++)
                kernels_get()->matvec(f->y + i * f->out + j, wide, FEW_WIDE, f->x + i * f->in + c, group, n);
        }
}

/* Few rows: what counts is the reading of the weights, so each thread takes one run of them. */
static void few_rows(float *y, const float *x, const struct matrix *w, size_t rows, size_t out, size_t in, float beta,
                     int threads)
{
    void (*part)(const struct few *) = w->f32 != NULL ? few_f32 : few_widened;
    if (w->dtype == DTYPE_BF16 && in % 32 == 0)
        part = few_bf16;
    size_t blocks = (out + FEW_OUT - 1) / FEW_OUT;
    threads = useful(useful(threads, out * in / FEW_WORK + 1), blocks);
    int parts = useful(threads == 1 ? 1 : 4 * threads, blocks);
#pragma omp parallel for num_threads(threads) schedule(dynamic) if (threads > 1)
    for (int t = 0; t < parts; t++) {
        size_t first = blocks * (size_t)t / (size_t)parts * FEW_OUT, end = blocks * (size_t)(t + 1) / (size_t)parts * FEW_OUT;
        struct few f = {.y = y, .x = x, .w = w, .rows = rows, .out = out, .in = in, .first = first, .m = least(end, out) - first};
        for (size_t i = 0; i < rows && beta == 0; i++)
            memset(y + i * out + first, 0, f.m * sizeof *y);
        part(&f);
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
