/* gguf_model.h - a GGUF file as a model folder would have it: config.json and the names of the tensors. */
#ifndef DIFFTF_MODEL_GGUF_MODEL_H
#define DIFFTF_MODEL_GGUF_MODEL_H

#include "formats/gguf.h"

/* The config.json that the metadata means; the tensors get the names of the transformers library. Architectures llama (and
 * mistral), qwen2, qwen3. */
enum status gguf_model_open(struct tensor_file *file, cJSON **config, const char *path, struct error *err);

#endif
