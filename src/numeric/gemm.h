/* gemm.h - the three matrix products of a linear layer y = x W^T, forward and backward.
 *
 * OpenBLAS computes blocks of fixed size, one thread each; which thread takes
 * which block changes nothing, so the bits are the same for any number of
 * threads.  All matrices are row-major and dense; a weight is [out, in].
 *
 * The forward product takes weights in any stored format. A few rows (decoding)
 * read every weight once and are bound by memory: they have a kernel of their
 * own. Many rows widen a panel of the weights first and share it.  With fewer
 * bits than floats have (compute.h) the bits of a result depend on the kernels
 * more than those of floats do, and on the number of threads as little.
 */
#ifndef DIFFTF_NUMERIC_GEMM_H
#define DIFFTF_NUMERIC_GEMM_H

#include "numeric/compute.h"
#include "numeric/linear.h"

#include <stddef.h>

/* Layers that read the same x [rows, in], such as the queries, keys and values: their work is shared out as one. */
void linear_forward(const struct linear *layers, size_t n_layers, const float *x, size_t rows, size_t in, enum compute compute,
                    int threads);
/* The same where each row is of another sequence: it gets the bits that it has alone, whatever the others are. The weights are
 * read once for all. */
void linear_each(const struct linear *layers, size_t n_layers, const float *x, size_t rows, size_t in, enum compute compute,
                 int threads);
/* dx [rows, in] = beta dx + dy [rows, out] W. */
void linear_backward_input(float *dx, const float *dy, const float *w, size_t rows, size_t out, size_t in, float beta,
                           int threads);
/* dW [out, in] += dy^T x. */
void linear_backward_weight(float *dw, const float *dy, const float *x, size_t rows, size_t out, size_t in, int threads);

#endif
