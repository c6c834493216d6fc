/* model.h - a model: config, weights, plan; immutable after loading and shared by threads. */
#ifndef DIFFTF_MODEL_MODEL_H
#define DIFFTF_MODEL_MODEL_H

#include "model/config.h"
#include "model/weights.h"

struct model {
    char *folder;
    struct config config;
    struct weights weights;
    struct attention_plan plan;
    double *rope_frequencies; /* [head_dim / 2] */
    float *lambda;            /* [n_layers] the second map's weight; NULL for a Transformer */
    char sha256[65];          /* of the weights */
};

/* Loads config.json and the weights from a folder as the transformers library lays it out. */
enum status model_load(struct model *model, const char *folder, struct error *err);
/* A fresh model with random weights, for training. */
enum status model_create(struct model *model, const struct config *config, uint64_t seed, struct error *err);
/* Writes config.json and model.safetensors (F32 or BF16) into a folder, which is made. */
enum status model_save(const struct model *model, const char *folder, enum dtype dtype, struct error *err);
void model_free(struct model *model);
/* Computes lambda again after the weights have changed:
 * exp(q1 . k1) - exp(q2 . k2) + lambda_init (Ye et al. 2024, equation 2). */
void model_update_lambda(struct model *model);

/* Cosines and sines [rows, head_dim / 2] for the positions start .. */
void model_rope_table(const struct model *model, float *cosines, float *sines, size_t start, size_t rows);

#endif
