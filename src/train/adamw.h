/* adamw.h - AdamW (Loshchilov & Hutter 2019) with global norm clipping; decay on two-dimensional tensors only. */
#ifndef DIFFTF_TRAIN_ADAMW_H
#define DIFFTF_TRAIN_ADAMW_H

#include "model/weights.h"

struct adamw_settings {
    double lr, beta1, beta2, eps, weight_decay, clip;
};

struct adamw {
    float *m, *v;       /* first and second moment of the tensors that are trained, laid out as the weights' storage */
    const bool *frozen; /* [n_rows], the caller's: tensors that stay as they are; NULL: none */
    size_t n;
    uint64_t step; /* steps taken */
};

enum status adamw_init(struct adamw *a, const struct weights *w, const bool *frozen, struct error *err);
void adamw_free(struct adamw *a);
/* One step; grad_norm is the norm of `gradients`, which are scaled to at most `clip` (0: not clipped). */
void adamw_step(struct adamw *a, struct weights *w, const struct weights *gradients, double grad_norm,
                const struct adamw_settings *settings);

#endif
