/* safetensors.h - the tensor file of the transformers library, read and written.
 *
 * Layout: an 8-byte little-endian header length, a JSON header {name: {dtype,
 * shape, data_offsets}}, then the bytes.  Every size in the header is checked
 * against the file before it is used.
 */
#ifndef DIFFTF_FORMATS_SAFETENSORS_H
#define DIFFTF_FORMATS_SAFETENSORS_H

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

struct safetensors {
    char *path;
    struct file_map map;
    struct tensor *tensors; /* sorted by name */
    size_t n_tensors;
};

enum status safetensors_open(struct safetensors *st, const char *path, struct error *err);
void safetensors_close(struct safetensors *st);
/* NULL when there is none of that name. */
const struct tensor *safetensors_find(const struct safetensors *st, const char *name);
/* Converts F32, F16, BF16 (or I64) elements to float; false for another dtype. */
bool tensor_to_f32(float *out, const struct tensor *tensor);

/* One tensor to be written; its numbers come from one of
 *   data    floats (dtype F32, or BF16: rounded to nearest even) or int64_t (I64)
 *   stored  bytes as they shall stand in the file, of any dtype of safetensors
 *   fill    called for n elements from `first` on, in order: for tensors that memory should not hold */
struct tensor_out {
    const char *name;
    enum dtype dtype;
    size_t n_dims;
    size_t shape[TENSOR_MAX_DIMS];
    const void *data, *stored;
    void (*fill)(void *context, float *out, size_t first, size_t n);
    void *context;
};
/* Writes the file atomically; `metadata` (an object of strings, as text) may be NULL. */
enum status safetensors_write(const char *path, const struct tensor_out *tensors, size_t n, struct error *err);

uint16_t bf16_from_f32(float x);
float f32_from_bf16(uint16_t x);
float f32_from_f16(uint16_t x);

#endif
