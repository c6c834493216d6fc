/* gemm.h - the three matrix products of a linear layer y = x W^T, forward and backward.
 *
 * OpenBLAS computes blocks of fixed size, one thread each; which thread takes
 * which block changes nothing, so the bits are the same for any number of
 * threads.  All matrices are row-major and dense; a weight is [out, in].
 *
 * The forward product takes weights in any stored format. A few rows (decoding)
 * read every weight once and are bound by memory: they have a kernel of their
 * own. Many rows widen a panel of the weights first and share it.
 */
#ifndef DIFFTF_NUMERIC_GEMM_H
#define DIFFTF_NUMERIC_GEMM_H

#include "numeric/matrix.h"

#include <stddef.h>

/* y [rows, out] = beta y + x [rows, in] W^T; beta is 0 or 1. */
void linear_forward(float *y, const float *x, const struct matrix *w, size_t rows, size_t out, size_t in, float beta,
                    int threads);
/* dx [rows, in] = beta dx + dy [rows, out] W. */
void linear_backward_input(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in, float beta,
                           int threads);
/* dW [out, in] += dy^T x. */
void linear_backward_weight(float *dw, const float *dy, const float *x, size_t rows, size_t out, size_t in, int threads);

#endif
