/* gguf_model.h - a GGUF file, or the parts of a split one, as a model folder would have it: config.json and names of tensors. */
#ifndef DIFFTF_MODEL_GGUF_MODEL_H
#define DIFFTF_MODEL_GGUF_MODEL_H

#include "formats/gguf.h"
#include "model/shards.h"

/* The files, whichever part `path` is, and the config.json that their metadata means as llama.cpp reads it (the caller deletes
 * it); the tensors get the names of the transformers library. Architectures llama (and mistral), qwen2, qwen3. Metadata that
 * changes numbers in a way that is not computed here is refused by name. */
enum status gguf_model_open(struct shards *files, cJSON **config, const char *path, struct error *err);

#endif
