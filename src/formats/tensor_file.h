/* tensor_file.h - the named tensors of a mapped file, whatever its format. */
#ifndef DIFFTF_FORMATS_TENSOR_FILE_H
#define DIFFTF_FORMATS_TENSOR_FILE_H

#include "base/file.h"
#include "base/status.h"
#include "formats/dtype.h"

#include <stdint.h>

enum { TENSOR_MAX_DIMS = 8 };

struct tensor {
    char *name;
    char dtype_name[8];
    enum dtype dtype;
    size_t n_dims;
    size_t shape[TENSOR_MAX_DIMS];
    size_t count; /* elements */
    const unsigned char *data;
};

struct tensor_file {
    char *path;
    struct file_map map;
    struct tensor *tensors; /* sorted by name */
    size_t n_tensors;
};

void tensor_file_close(struct tensor_file *st);
/* NULL when there is none of that name. */
const struct tensor *tensor_file_find(const struct tensor_file *st, const char *name);
/* Converts F32, F16, BF16 (or I64) elements to float; false for another dtype. */
bool tensor_to_f32(float *out, const struct tensor *tensor);

/* Sorts the tensors by name; two of one name are an error. */
enum status tensor_file_sort(struct tensor_file *file, struct error *err);

float f32_from_bf16(uint16_t x);
float f32_from_f16(uint16_t x);

#endif
