/* gradient.h - loss and gradients of a whole sequence: the training pass. */
#ifndef DIFFTF_MODEL_GRADIENT_H
#define DIFFTF_MODEL_GRADIENT_H

#include "model/layer.h"

struct gradient {
    const struct model *model;
    struct weights sum;           /* gradients, added up until gradient_clear */
    bool recompute;               /* a layer's activations are computed again in the backward pass */
    struct layer_buffers *layers; /* [n_layers], or one when recomputing */
    struct kv_store *kv;          /* the same */
    float *inputs;                /* recomputing: what goes into each layer, [n_layers, T, D] */
    struct layer_context context;
    struct layer_gradients scratch;
    float *x, *normed, *dx, *work; /* the last stream [T, D], its norm, the gradient, cross-entropy work */
    double *nll;
    size_t capacity; /* longest sequence */
};

/* With `recompute` one layer's activations are held at a time, and every layer is run twice, to the same bits. */
enum status gradient_init(struct gradient *g, const struct model *model, size_t capacity, bool recompute, int threads,
                          struct error *err);
void gradient_free(struct gradient *g);
void gradient_clear(struct gradient *g);
/* Forward and backward over ids[0..n-1], n <= capacity + 1: position t predicts ids[t+1].  Adds the gradients of scale * sum(nll)
 * and returns sum(nll).  With scale 0 only the loss is computed. */
double gradient_add(struct gradient *g, const int32_t *ids, size_t n, float scale);
/* Bytes that gradient_init takes; of the model, config, plan and list of weights are enough. */
double gradient_memory(const struct model *model, size_t capacity, bool recompute, int threads);
/* Where what the last gradient_add ran first was no number, in words ("layer 3 at position 17"). */
void gradient_explain(struct gradient *g, char *text, size_t size);
/* Euclidean norm over all gradients, in double. */
double gradient_norm(const struct gradient *g);

#endif
