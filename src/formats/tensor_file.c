/* tensor_file.c - see tensor_file.h. */
#include "formats/tensor_file.h"

#include <stdlib.h>
#include <string.h>

float f32_from_bf16(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

float f32_from_f16(uint16_t x)
{
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, exponent = x >> 10 & 31, fraction = x & 1023, bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else if (exponent > 0) {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    } else { /* subnormal: fraction * 2^-24 */
        float y = (float)fraction * 0x1p-24f;
        return sign ? -y : y;
    }
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

bool tensor_to_f32(float *out, const struct tensor *t)
{
    for (size_t i = 0; i < t->count; i++) {
        uint16_t half;
        int64_t integer;
        switch (t->dtype) {
        case DTYPE_F32:
            memcpy(out, t->data, t->count * 4);
            return true;
        case DTYPE_F16:
            memcpy(&half, t->data + 2 * i, 2);
            out[i] = f32_from_f16(half);
            break;
        case DTYPE_BF16:
            memcpy(&half, t->data + 2 * i, 2);
            out[i] = f32_from_bf16(half);
            break;
        case DTYPE_I64:
            memcpy(&integer, t->data + 8 * i, 8);
            out[i] = (float)integer;
            break;
        default:
            return false;
        }
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

enum status tensor_file_sort(struct tensor_file *f, struct error *err)
{
    qsort(f->tensors, f->n_tensors, sizeof *f->tensors, by_name);
    for (size_t i = 1; i < f->n_tensors; i++)
        if (strcmp(f->tensors[i - 1].name, f->tensors[i].name) == 0)
            return error_set(err, ERR_INPUT, "%s: tensor '%s': is there twice, expected each name once", f->path,
                             f->tensors[i].name);
    return OK;
}

void tensor_file_close(struct tensor_file *st)
{
    for (size_t i = 0; st->tensors != NULL && i < st->n_tensors; i++)
        free(st->tensors[i].name);
    free(st->tensors);
    free(st->path);
    file_map_close(&st->map);
    *st = (struct tensor_file){0};
}

const struct tensor *tensor_file_find(const struct tensor_file *st, const char *name)
{
    struct tensor key = {.name = (char *)(uintptr_t)name};
    return st->n_tensors ? bsearch(&key, st->tensors, st->n_tensors, sizeof key, by_name) : NULL;
}
