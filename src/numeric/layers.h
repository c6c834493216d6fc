/* layers.h - the small layers: norms, rotary positions, biases, loss; forward and backward of each.
 *
 * Rows are tokens.  Statistics and the loss are accumulated in double.
 */
#ifndef DIFFTF_NUMERIC_LAYERS_H
#define DIFFTF_NUMERIC_LAYERS_H

#include "numeric/compute.h"
#include "numeric/matrix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RMSNorm of each row: y[i] = factor * x[i] * g / sqrt(mean(x[i]^2) + eps).   Zhang & Sennrich 2019.
 *   y, x [rows, width], may be the same array;  g [width], or NULL for no scale */
void rmsnorm_forward(float *y, const float *x, const float *g, size_t rows, size_t width, float eps, float factor, int threads);
/* dx = beta dx + ..; dg [width] += .. unless g is NULL. x is what the forward pass was given. */
void rmsnorm_backward(float *dx, float *dg, const float *dy, const float *x, const float *g, size_t rows, size_t width, float eps,
                      float factor, float beta);

/* Turns the channel pairs of each head by the angle in cos/sin [rows, head_dim / 2] (Su et al. 2021);
 * x [rows, n_heads * head_dim] in place. interleaved: pairs (2j, 2j+1), else (j, j + head_dim/2).
 * direction -1 turns back: the backward pass. */
void rope_apply(float *x, const float *cosines, const float *sines, size_t rows, size_t n_heads, size_t head_dim,
                bool interleaved, float direction, int threads);

/* y = a + b, [rows, width] each; y may be one of them. */
void add_rows(float *y, const float *a, const float *b, size_t rows, size_t width, int threads);
/* y = silu(gate) * up, [rows, width] each (Shazeer 2020), and its gradients from dy. */
void swiglu_forward(float *y, const float *gate, const float *up, size_t rows, size_t width, int threads);
void swiglu_backward(float *d_gate, float *d_up, const float *dy, const float *gate, const float *up, size_t rows, size_t width,
                     int threads);

/* The gradient of a bias [width]: db += column sums of dy [rows, width]. */
void bias_backward(float *db, const float *dy, size_t rows, size_t width);

/* Cross-entropy of logits = x W^T against targets, W [vocab, d_model], x [rows, d_model].
 *   nll     [rows] -log p(target); a target < 0 is left out (nll 0)
 *   dx, dw  NULL for the loss alone, W in any format; else dx [rows, d_model] = and dw += gradient of scale * sum(nll)
 *   work    floats: cross_entropy_work(rows, vocab)
 *   compute what the product of the logits is rounded to; the gradients are of floats
 * Works through blocks of the vocabulary: no [rows, vocab] array is held when vocab is large. */
size_t cross_entropy_work(size_t rows, size_t vocab);
void cross_entropy(double *nll, float *dx, float *dw, const float *x, const struct matrix *w, const int32_t *targets, size_t rows,
                   size_t d_model, size_t vocab, float scale, float *work, enum compute compute, int threads);

/* y = act(gate) * up with PolyNorm (Motif): act(x) = w0 n(x^3) + w1 n(x^2) + w2 n(x) + b, n(z) = z / sqrt(mean(z^2) + 1e-6) over
 * the width of a row.   y, gate, up [rows, width];  w [3] */
void polynorm_glu(float *y, const float *gate, const float *up, const float *w, float b, size_t rows, size_t width, int threads);

#endif
