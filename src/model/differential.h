/* differential.h - a Transformer written as a Diff Transformer. */
#ifndef DIFFTF_MODEL_DIFFERENTIAL_H
#define DIFFTF_MODEL_DIFFERENTIAL_H

#include "model/model.h"

/* One way to do so. */
struct differential;
/* By its name: v2, v1, diffllama, dex; NULL: none of that name. */
const struct differential *differential_find(const char *name);
/* Does it compute what the Transformer does? */
bool differential_exact(const struct differential *way);

/* Can it be done to this model? What it has no place for is refused by name. */
enum status differential_check(const struct model *model, const struct differential *way, struct error *err);

/* What a conversion goes by beside the model. */
struct differential_choice {
    const struct differential *way;
    const float *sizes;    /* [n_layers, n_heads] of head_sizes, for the ways that are not exact; else NULL */
    const size_t *heads;   /* [n_heads_chosen] output heads of every layer that are extended (dex) */
    size_t n_heads_chosen; /* 0: all */
};

/* Writes config.json and model.safetensors into a folder (file_folder_begin says that none is there).
 *
 * v2: each query head twice, a lambda projection of zeros (sigmoid 1/2), so that half of each head's output is left, and the
 * output projection doubled: steps that round nothing. The bits are the same where a product's column has the same bits wherever
 * it stands, as our own kernels for few tokens have it (numbers stored as before), and OpenBLAS for many has not.
 *
 * dex: lambda 0 and a random map of each chosen head, zeros for the others, which stay a Transformer's: exact.
 *
 * v1, diffllama: mirrored. Query and key heads stand twice, so both maps are the Transformer's; the second half of each value
 * head is zero and meets random columns of the output projection, which lets it learn. The norm of each output head takes the
 * size of its output away for each token; the head's mean size (head_sizes) goes into the output projection, which is all that
 * can be kept.
 *
 * Numbers are BF16 where all of them are so already (what is new is rounded to it), else F32. What has no place is refused by
 * name: windows, layers without rotation, norms of queries and keys, another MLP, rotations of a GGUF file's own factors, a model
 * that has two maps already. */
enum status differential_write(const struct model *from, const struct differential_choice *choice, const char *folder,
                               struct error *err);

/* The mean root mean square of every output head of a Transformer over the tokens ids[0..n-1]: sizes [n_layers, n_heads]. */
enum status head_sizes(float *sizes, const struct model *model, const int32_t *ids, size_t n, struct error *err);

#endif
