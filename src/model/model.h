/* model.h - a model: config, weights, plan; immutable after loading and shared by threads. */
#ifndef DIFFTF_MODEL_MODEL_H
#define DIFFTF_MODEL_MODEL_H

#include "model/config.h"
#include "model/weights.h"
#include "numeric/compute.h"

struct model {
    char *folder;
    struct config config;
    struct weights weights;
    struct attention_plan plan;
    float *lambda;        /* [n_layers] the second map's weight; NULL for a Transformer */
    float lambda_held;    /* the share of lambda that training holds back (vectors, DEX); 0: none */
    float *rope_factors;  /* [head_dim / 2], or NULL */
    enum compute compute; /* what its products are rounded to: whoever loads it may set this before the first session */
    struct text notes;    /* what a reader of results should know of how the files were read, a line each */
};

/* Loads config.json and the weights from a folder as the transformers library lays it out, or a .gguf file. */
enum status model_load(struct model *model, const char *folder, struct error *err);
/* A fresh model with random weights, for training. */
enum status model_create(struct model *model, const struct config *config, uint64_t seed, struct error *err);
/* What follows from a config and weights that are set: plan and lambda. */
enum status model_derive(struct model *model, struct error *err);
/* Writes config.json and model.safetensors (F32 or BF16) into a folder, which is made. */
enum status model_save(const struct model *model, const char *folder, enum dtype dtype, struct error *err);
void model_free(struct model *model);
/* SHA-256 of a loaded model's weight files (shards_hash), in hexadecimal: it reads all of them. */
void model_hash(const struct model *model, char sha256[65]);
/* Brings a loaded model's weights into memory as floats, to be trained on or saved. */
enum status model_unpack(struct model *model, struct error *err);
/* Computes lambda again after the weights have changed:
 * exp(q1 . k1) - exp(q2 . k2) + lambda_init (Ye et al. 2024, equation 2). */
void model_update_lambda(struct model *model);

#endif
