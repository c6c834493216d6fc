/* differential.h - a Transformer written as a Diff Transformer that computes the same. */
#ifndef DIFFTF_MODEL_DIFFERENTIAL_H
#define DIFFTF_MODEL_DIFFERENTIAL_H

#include "model/model.h"

/* Writes config.json and model.safetensors into a folder (file_folder_begin says that none is there): a Diff Transformer of the
 * second version that computes what `from` does: each query head twice, a lambda projection of zeros (sigmoid 1/2), so that half
 * of each head's output is left, and the output projection doubled: steps that round nothing. The bits are the same where a
 * product's column has the same bits wherever it stands, as our own kernels for few tokens have it (numbers stored as before),
 * and OpenBLAS for many has not. Numbers are BF16 where all of them are so already, else F32. What the second version has no
 * place for is refused: windows, layers without rotation, norms of queries and keys, rotations of a GGUF file's own factors, a
 * model that has two maps already. */
enum status differential_v2(const struct model *from, const char *folder, struct error *err);

#endif
