/* dtype.h - how the numbers of a stored tensor are written. */
#ifndef DIFFTF_FORMATS_DTYPE_H
#define DIFFTF_FORMATS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    /* Blocks of small numbers with a scale, as GGUF has them; numeric/blocks_impl.h says how each is written. */
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q8_0,
    DTYPE_Q2_K,
    DTYPE_Q3_K,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_IQ4_NL,
    DTYPE_IQ4_XS,
    DTYPE_WEIGHTS, /* so many can be the weights of a matrix */
    DTYPE_I64 = DTYPE_WEIGHTS,
    DTYPE_OTHER
};
enum { BLOCK_MOST = 256 }; /* numbers of the largest block, and a multiple of every other */

struct dtype_form {
    const char *name;
    size_t block, bytes; /* numbers of a block, and its bytes */
};
/* What a matrix may be stored as: dtype < DTYPE_WEIGHTS. */
const struct dtype_form *dtype_form(enum dtype dtype);
/* Bytes of n numbers, whole blocks. */
size_t dtype_bytes(enum dtype dtype, size_t n);
/* Numbers share scales: a vector or a safetensors file has no such tensor. */
bool dtype_blocked(enum dtype dtype);

/* The nearest BF16, ties to even; a NaN stays one. Here, since the kernels round many in a row. */
static inline uint16_t bf16_from_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1), not_a_number = bits | 0x400000u;
    return (uint16_t)(((bits & 0x7fffffffu) > 0x7f800000u ? not_a_number : rounded) >> 16);
}

#endif
