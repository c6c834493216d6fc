/* shards.h - the weight files of a model folder: one file, or those that an index names. */
#ifndef DIFFTF_MODEL_SHARDS_H
#define DIFFTF_MODEL_SHARDS_H

#include "formats/json.h"
#include "formats/tensor_file.h"

/* The tensor of GGUF files that divides the frequencies of the rotation. */
#define ROPE_FACTORS "rope_freqs.weight"

struct shards {
    struct tensor_file *files; /* in the order of their names */
    size_t n;
};
/* The safetensors of a folder. */
enum status shards_open(struct shards *shards, const char *folder, struct error *err);
/* OK unless one of the files has been written to, replaced or removed since it was opened. */
enum status shards_unchanged(const struct shards *shards, struct error *err);
void shards_close(struct shards *shards);
/* The tensor of a name and the path of its file, or NULL. */
const struct tensor *shards_find(const struct shards *shards, const char *name, const char **path);
/* SHA-256 of the file (several: of their digests in the order of names), in hexadecimal. */
void shards_hash(char sha256[65], const struct shards *shards);

#endif
