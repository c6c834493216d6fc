/* gguf.h - GGUF, the model file of llama.cpp, read: one file with metadata and tensors (versions 2 and 3).
 *
 * Layout: "GGUF", version, counts; metadata as typed key-value pairs; for each tensor its name, sizes (columns first), type and
 * offset; the data, aligned.  Every count and offset is checked against the file before it is used.
 */
#ifndef DIFFTF_FORMATS_GGUF_H
#define DIFFTF_FORMATS_GGUF_H

#include "formats/json.h"
#include "formats/tensor_file.h"

/* Tensors whose type is no weight of ours (formats/dtype.h) are refused by name; shapes are [rows, columns]. `metadata` is an
 * object; the caller deletes it. */
enum status gguf_open(struct tensor_file *file, cJSON **metadata, const char *path, struct error *err);
/* The path of part `part` (from 1) of `count`, given that of any part, whose name ends in -0000N-of-0000M.gguf; the caller frees
 * it. NULL when the name does not say that there are so many. */
char *gguf_part_path(const char *path, size_t part, size_t count);
/* How many parts the name says there are; 1 when it says nothing. */
size_t gguf_parts_named(const char *path);
/* Does a path name such a file, by its ending? */
bool gguf_named(const char *path);

#endif
