/* linear.h - a linear layer, as its products take it (gemm.h, reduced.h). */
#ifndef DIFFTF_NUMERIC_LINEAR_H
#define DIFFTF_NUMERIC_LINEAR_H

#include "numeric/matrix.h"

#include <stddef.h>

/* y [rows, out] = x W^T + bias. */
struct linear {
    float *y;
    const struct matrix *w; /* [out, in] */
    const float *bias;      /* [out], or NULL */
    size_t out;
};

#endif
