/* oracle.h - a model against the numbers that an independent implementation found for it.
 *
 * A case is a model and a file expected.safetensors beside it: `input_ids`, and what they lead to under the names of `logits`
 * (hidden.{l}, attention.1) and of `difftf-train grads` (loss, grad_norm, grad.{tensor}, adamw.{tensor}). The tests and
 * `difftf-eval selftest` go through the same ones.
 */
#ifndef DIFFTF_TRAIN_ORACLE_H
#define DIFFTF_TRAIN_ORACLE_H

#include "formats/tensor_file.h"
#include "model/model.h"

struct oracle {
    struct model model;
    struct tensor_file expected;
    int32_t *ids; /* [n] */
    size_t n;
};

/* A model folder or .gguf file, and the folder that holds what is expected. */
enum status oracle_open(struct oracle *o, const char *model, const char *folder, struct error *err);
void oracle_close(struct oracle *o);

/* Is `got` what the expected tensor holds, within `tolerance` times its largest element? ERR_REGRESSION names the first element
 * that is not. */
enum status oracle_compare(const struct oracle *o, const char *name, const float *got, double tolerance, struct error *err);
/* Runs the tokens, `piece` at a time, and compares logits, the stream after each layer and the attention maps of layer 1. With
 * `logits` (may be NULL) nothing is compared: the caller gets [n, vocab_size] to compare bits, and frees it. */
enum status oracle_forward(struct oracle *o, size_t piece, int threads, float **logits, struct error *err);
/* Compares loss, gradients and the weights after one step of AdamW; the model has that step behind it then. */
enum status oracle_gradients(struct oracle *o, int threads, struct error *err);

#endif
