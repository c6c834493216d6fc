/* gradients.h - how gradients flow through the models of a recipe, the same batches through each (Ye et al., a later version,
 * appendix: the gradients of differential attention are of the size of those of softmax attention). */
#ifndef DIFFTF_TRAIN_GRADIENTS_H
#define DIFFTF_TRAIN_GRADIENTS_H

#include "train/recipe.h"

struct gradients_options {
    const uint64_t *seed; /* of a recipe's `seeds`; NULL: the first */
    size_t batches;       /* of the training, from its first one on */
    bool trained;         /* the weights of the finished models, not those that they begin with */
    int threads;
};

/* Writes a report to `path`: the Euclidean norm of the gradient of the mean loss over a batch, for each group of parameters
 * (query, key, value, output, lambda, mlp, norms, embedding, head) in each layer, over all layers, and in all, with the loss;
 * means over batches and paired differences from the recipe's first model, the batches being the units. No weight is changed. */
enum status gradients_write(const struct recipe *recipe, const struct gradients_options *options, const char *path,
                            struct error *err);

#endif
