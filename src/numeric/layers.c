/* layers.c - see layers.h. */
#include "numeric/layers.h"

#include "numeric/gemm.h"
#include "numeric/kernels.h"

#include <math.h>

static float inverse_rms(const float *x, size_t width, float eps)
{
    return (float)(1.0 / sqrt(kernels_get()->dot(x, x, width) / (double)width + (double)eps));
}

void rmsnorm_forward(float *y, const float *x, const float *g, size_t rows, size_t width, float eps, float factor, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++) {
        const float *xi = x + i * width;
        float *yi = y + i * width;
        float r = inverse_rms(xi, width, eps) * factor;
        for (size_t j = 0; j < width; j++)
            yi[j] = xi[j] * r * (g ? g[j] : 1.0f);
    }
}

void rmsnorm_backward(float *dx, float *dg, const float *dy, const float *x, const float *g, size_t rows, size_t width, float eps,
                      float factor, float beta)
{
    for (size_t i = 0; i < rows; i++) {
        const float *xi = x + i * width, *di = dy + i * width;
        float r = inverse_rms(xi, width, eps), sum = 0;
        for (size_t j = 0; j < width; j++) {
            if (g != NULL)
                dg[j] += factor * di[j] * xi[j] * r;
            sum += di[j] * (g ? g[j] : 1.0f) * xi[j];
        }
        float pull = sum * r * r / (float)width;
        for (size_t j = 0; j < width; j++) {
            float d = factor * r * (di[j] * (g ? g[j] : 1.0f) - xi[j] * pull);
            dx[i * width + j] = d + (beta != 0 ? dx[i * width + j] : 0.0f);
        }
    }
}

void rope_apply(float *x, const float *cosines, const float *sines, size_t rows, size_t n_heads, size_t head_dim,
                bool interleaved, float direction, int threads)
{
    size_t half = head_dim / 2, step = interleaved ? 2 : 1, partner = interleaved ? 1 : half;
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++)
        for (size_t h = 0; h < n_heads; h++) {
            float *p = x + (i * n_heads + h) * head_dim;
            for (size_t j = 0; j < half; j++) {
                float c = cosines[i * half + j], s = sines[i * half + j] * direction;
                float a = p[j * step], b = p[j * step + partner];
                p[j * step] = a * c - b * s;
                p[j * step + partner] = a * s + b * c;
            }
        }
}

void add_rows(float *y, const float *a, const float *b, size_t rows, size_t width, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++)
        for (size_t j = i * width; j < (i + 1) * width; j++)
            y[j] = a[j] + b[j];
}

void swiglu_forward(float *y, const float *gate, const float *up, size_t rows, size_t width, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++)
        kernels_get()->swiglu(y + i * width, gate + i * width, up + i * width, width);
}

void swiglu_backward(float *d_gate, float *d_up, const float *dy, const float *gate, const float *up, size_t rows, size_t width,
                     int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++)
        kernels_get()->swiglu_backward(d_gate + i * width, d_up + i * width, dy + i * width, gate + i * width, up + i * width,
                                       width);
}

void bias_backward(float *db, const float *dy, size_t rows, size_t width)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++)
            db[j] += dy[i * width + j];
}

void polynorm_glu(float *y, const float *gate, const float *up, const float *w, float b, size_t rows, size_t width, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1 && rows > 1)
    for (size_t i = 0; i < rows; i++) {
        const float *g = gate + i * width, *u = up + i * width;
        double mean[3] = {0}; /* of x^2, x^4, x^6 */
        for (size_t j = 0; j < width; j++) {
            double square = (double)g[j] * (double)g[j];
            mean[0] += square;
            mean[1] += square * square;
            mean[2] += square * square * square;
        }
        float scale[3]; /* of x, x^2, x^3 */
        for (size_t k = 0; k < 3; k++)
            scale[k] = (float)((double)w[2 - k] / sqrt(mean[k] / (double)width + 1e-6));
        for (size_t j = 0; j < width; j++)
            y[i * width + j] = (((scale[2] * g[j] + scale[1]) * g[j] + scale[0]) * g[j] + b) * u[j];
    }
}

enum { VOCAB_BLOCK = 4096 };

static size_t block_width(size_t vocab)
{
    return vocab < VOCAB_BLOCK ? vocab : VOCAB_BLOCK;
}

size_t cross_entropy_work(size_t rows, size_t vocab)
{
    return rows * (block_width(vocab) + 3);
}

void cross_entropy(double *nll, float *dx, float *dw, const float *x, const struct matrix *w, const int32_t *targets, size_t rows,
                   size_t d_model, size_t vocab, float scale, float *work, enum compute compute, int threads)
{
    const struct kernels *k = kernels_get();
    size_t width = block_width(vocab);
    float *logits = work, *max = work + rows * width, *sum = max + rows, *at_target = sum + rows;
    for (size_t i = 0; i < rows; i++) {
        max[i] = -INFINITY;
        sum[i] = at_target[i] = 0;
    }
    for (size_t v = 0; v < vocab; v += width) {
        size_t n = vocab - v < width ? vocab - v : width;
        struct matrix block = matrix_from_row(w, v, d_model);
        linear_forward(&(struct linear){logits, &block, NULL, n}, 1, x, rows, d_model, compute, threads);
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (size_t i = 0; i < rows; i++) {
            const float *row = logits + i * n;
            float top = max[i];
            for (size_t j = 0; j < n; j++)
                top = row[j] > top ? row[j] : top;
            sum[i] = (float)((double)sum[i] * (v ? exp((double)(max[i] - top)) : 0.0) + k->exp_sum(row, n, top));
            max[i] = top;
            if (targets[i] >= 0 && (size_t)targets[i] >= v && (size_t)targets[i] < v + n)
                at_target[i] = row[(size_t)targets[i] - v];
        }
    }
    for (size_t i = 0; i < rows; i++)
        nll[i] = targets[i] < 0 ? 0.0 : (double)max[i] + log((double)sum[i]) - (double)at_target[i];
    if (dx == NULL)
        return;
    for (size_t v = 0; v < vocab; v += width) {
        size_t n = vocab - v < width ? vocab - v : width;
        struct matrix block = matrix_from_row(w, v, d_model);
        if (vocab > width) /* a single block is still there */
            linear_forward(&(struct linear){logits, &block, NULL, n}, 1, x, rows, d_model, compute, threads);
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (size_t i = 0; i < rows; i++) {
            float *row = logits + i * n, weight = targets[i] < 0 ? 0 : scale / sum[i];
            size_t whole = n / LANES * LANES;
            k->exp_shift(row, whole, 1.0f, max[i]);
            for (size_t j = whole; j < n; j++)
                row[j] = expf(row[j] - max[i]);
            for (size_t j = 0; j < n; j++)
                row[j] *= weight;
            if (targets[i] >= 0 && (size_t)targets[i] >= v && (size_t)targets[i] < v + n)
                row[(size_t)targets[i] - v] -= scale;
        }
        linear_backward_input(dx, logits, block.f32, rows, n, d_model, v ? 1.0f : 0.0f, threads);
        linear_backward_weight(dw + v * d_model, logits, x, rows, n, d_model, threads);
    }
}
