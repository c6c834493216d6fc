/* safetensors.h - the tensor file of the transformers library, read and written.
 *
 * Layout: an 8-byte little-endian header length, a JSON header {name: {dtype,
 * shape, data_offsets}}, then the bytes.  Every size in the header is checked
 * against the file before it is used.
 */
#ifndef DIFFTF_FORMATS_SAFETENSORS_H
#define DIFFTF_FORMATS_SAFETENSORS_H

#include "formats/tensor_file.h"

enum status safetensors_open(struct tensor_file *file, const char *path, struct error *err);

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

#endif
