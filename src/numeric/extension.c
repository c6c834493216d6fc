/* extension.c - see extension.h. */
#include "numeric/extension.h"

#include <string.h>

/* Columns that are widened at once; blocks of every format divide it. */
enum { PIECE = 256 };

static float dot(const float *a, const float *b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* A head's rows, one channel of its output after another, so that f is widened once for all tokens. */
static void head_forward(float *y, const float *x, const struct matrix *f, float lambda, size_t rows, size_t stride, size_t width,
                         size_t first)
{
    float piece[PIECE];
    for (size_t i = 0; i < width; i++)
        for (size_t at = 0; at < width; at += PIECE) {
            size_t n = width - at < PIECE ? width - at : PIECE;
            matrix_widen(piece, f, (first + i) * width + at, n);
            for (size_t t = 0; t < rows; t++)
                y[t * stride + i] -= lambda * dot(piece, x + t * stride + at, n);
        }
}

void extension_forward(float *y, const float *x, const struct matrix *f, const float *lambda, float share, size_t rows,
                       size_t n_heads, size_t width, int threads)
{
    size_t stride = n_heads * width;
    memcpy(y, x, rows * stride * sizeof *y);
#pragma omp parallel for num_threads(threads) if (threads > 1 && n_heads > 1)
    for (size_t h = 0; h < n_heads; h++)
        if (share * lambda[h] != 0)
            head_forward(y + h * width, x + h * width, f, share * lambda[h], rows, stride, width, h * width);
}

static void head_backward(float *dx, float *df, float *dlambda, const float *dy, const float *x, const float *f, float lambda,
                          float share, size_t rows, size_t stride, size_t width)
{
    double sum = 0;
    for (size_t t = 0; t < rows; t++)
        for (size_t i = 0; i < width; i++) {
            const float *xt = x + t * stride, *fi = f + i * width;
            float d = dy[t * stride + i], *to = dx + t * stride, *dfi = df + i * width;
            sum -= (double)(d * dot(fi, xt, width));
            for (size_t j = 0; j < width; j++) {
                to[j] -= lambda * d * fi[j];
                dfi[j] -= lambda * d * xt[j];
            }
        }
    *dlambda += share * (float)sum;
}

void extension_backward(float *dx, float *df, float *dlambda, const float *dy, const float *x, const float *f,
                        const float *lambda, float share, size_t rows, size_t n_heads, size_t width, int threads)
{
    memcpy(dx, dy, rows * n_heads * width * sizeof *dx);
#pragma omp parallel for num_threads(threads) if (threads > 1 && n_heads > 1)
    for (size_t h = 0; h < n_heads; h++)
        head_backward(dx + h * width, df + h * width * width, dlambda + h, dy + h * width, x + h * width, f + h * width * width,
                      share * lambda[h], share, rows, n_heads * width, width);
}
