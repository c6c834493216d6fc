/* extension.h - what a differential extension takes from each output head (Kong, Jang and Kwak 2025): a linear map of it times
 * the head's lambda. */
#ifndef DIFFTF_NUMERIC_EXTENSION_H
#define DIFFTF_NUMERIC_EXTENSION_H

#include "numeric/matrix.h"

/* y = x - share lambda_h f_h(x) for x, y [rows, n_heads, width] (apart from each other), f [n_heads width, width], lambda
 * [n_heads]. Heads of lambda 0 keep their bits. */
void extension_forward(float *y, const float *x, const struct matrix *f, const float *lambda, float share, size_t rows,
                       size_t n_heads, size_t width, int threads);
/* dx = dy - share lambda_h f_h^T(dy), which is set; df and dlambda are added to. */
void extension_backward(float *dx, float *df, float *dlambda, const float *dy, const float *x, const float *f,
                        const float *lambda, float share, size_t rows, size_t n_heads, size_t width, int threads);

#endif
