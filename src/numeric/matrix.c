/* matrix.c - see matrix.h. */
#include "numeric/matrix.h"

#include "numeric/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct matrix matrix_of(float *data)
{
    return (struct matrix){.data = (const unsigned char *)data, .dtype = DTYPE_F32, .f32 = data};
}

struct matrix matrix_from_row(const struct matrix *m, size_t rows, size_t columns)
{
    size_t skip = rows * columns;
    return (struct matrix){
        .data = m->data + dtype_bytes(m->dtype, skip), .dtype = m->dtype, .f32 = m->f32 ? m->f32 + skip : NULL};
}

void matrix_widen(float *out, const struct matrix *m, size_t first, size_t n)
{
    kernels_get()->widen[m->dtype](out, m->data + dtype_bytes(m->dtype, first), n);
}

enum { CHUNK = 4 * BLOCK_MOST }; /* numbers that are rounded or looked at in turn */

void matrix_to_bf16(uint16_t *out, const struct matrix *m, size_t first, size_t n)
{
    float wide[CHUNK];
    if (m->dtype == DTYPE_BF16) {
        memcpy(out, m->data + dtype_bytes(m->dtype, first), n * sizeof *out);
        return;
    }
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < CHUNK ? n - i : CHUNK;
        matrix_widen(wide, m, first + i, count);
        kernels_get()->to_bf16(out + i, wide, count);
    }
}

void round_bf16(float *out, const float *x, size_t n)
{
    uint16_t rounded[CHUNK];
    for (size_t i = 0, count; i < n; i += count) {
        count = n - i < CHUNK ? n - i : CHUNK;
        kernels_get()->to_bf16(rounded, x + i, count);
        kernels_get()->widen[DTYPE_BF16](out + i, (const unsigned char *)rounded, count);
    }
}

size_t find_not_finite(const float *x, size_t n)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t bad = 0, bits;
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    size_t at = bad ? 0 : n;
    while (at < n && isfinite(x[at]))
        at++;
    return at;
}

size_t matrix_find_not_finite(const struct matrix *m, size_t n)
{
    if ((m->dtype == DTYPE_BF16 || m->dtype == DTYPE_F16) &&
        kernels_get()->finite_16(m->data, n, m->dtype == DTYPE_BF16 ? 0x7f80 : 0x7c00))
        return n;
    float buffer[CHUNK] = {0};
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t count = n - i < CHUNK ? n - i : CHUNK;
        matrix_widen(buffer, m, i, count);
        size_t bad = find_not_finite(buffer, count);
        if (bad < count)
            return i + bad;
    }
    return n;
}
