/* matrix.h - weight matrices as their file stores them, widened to float where they are used.
 *
 * A matrix does not own its elements: they lie in a mapped file or in the model's storage.
 */
#ifndef DIFFTF_NUMERIC_MATRIX_H
#define DIFFTF_NUMERIC_MATRIX_H

#include "formats/dtype.h"

#include <stddef.h>
#include <stdint.h>

struct matrix {
    const unsigned char *data; /* [rows, columns], row-major, dense */
    enum dtype dtype;
    float *f32; /* the elements themselves when they are float, else NULL; written to by training alone */
};

struct matrix matrix_of(float *data);
/* The matrix without its first `rows` rows. */
struct matrix matrix_from_row(const struct matrix *m, size_t rows, size_t columns);
/* out[0..n) = elements first .. first + n - 1 as floats (both multiples of the block, where there is one). */
void matrix_widen(float *out, const struct matrix *m, size_t first, size_t n);
/* The same rounded to BF16. */
void matrix_to_bf16(uint16_t *out, const struct matrix *m, size_t first, size_t n);
/* x [n] rounded to BF16, as floats; out may be x. */
void round_bf16(float *out, const float *x, size_t n);
/* The position of the first of n numbers that is NaN or infinite, or n. */
size_t find_not_finite(const float *x, size_t n);
/* The same of a matrix's elements. */
size_t matrix_find_not_finite(const struct matrix *m, size_t n);

#endif
