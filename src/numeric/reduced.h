/* reduced.h - products of many rows in BF16 or in codes of eight bits; what linear_forward (gemm.h) is made of, beside floats. */
#ifndef DIFFTF_NUMERIC_REDUCED_H
#define DIFFTF_NUMERIC_REDUCED_H

#include "numeric/compute.h"
#include "numeric/kernels.h"
#include "numeric/linear.h"

/* What a layer's product is computed in: codes only where its weights are codes. */
enum compute reduced_kind(const struct matrix *w, enum compute compute);

/* Places for n numbers in codes, a multiple of 32: their bytes, where they are in such storage, and those from number `at` (a
 * multiple, too) on. */
size_t int8_bytes(size_t n);
struct int8_numbers int8_place(void *storage, size_t n);
struct int8_numbers int8_from(const struct int8_numbers *x, size_t at);

/* x as the products take it. */
struct rounded {
    size_t ld; /* numbers of a row, a multiple of 32; zero beyond those that there are */
    uint16_t *bf16;
    struct int8_numbers int8;
    float *floats; /* where the processor has no such products: the rounded numbers, [rows, in] */
    void *storage;
};
/* Rounds x [rows, in]; to be freed by rounded_free. Memory that is not there ends the program (base/exhausted.h). */
void rounded_init(struct rounded *r, const float *x, size_t rows, size_t in, enum compute compute, int threads);
void rounded_free(struct rounded *r);

/* Outputs of a layer come in blocks of so many, for so many rows. */
enum { REDUCED_ROWS = 256, REDUCED_OUT = 128 };
/* Rows row .. row + rows - 1 and outputs first .. first + m - 1 of one layer; r has no floats. */
void reduced_block(const struct linear *layer, const struct rounded *r, size_t in, size_t row, size_t rows, size_t first,
                   size_t m);

#endif
