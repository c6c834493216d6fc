/* layer.h - one layer of the model, forward and backward:
 *
 *     y = x + Attention(RMSNorm(x)) Wo        x' = y + SwiGLU(RMSNorm(y))
 *
 * Evaluation runs every layer through the same buffers; training keeps a set
 * for each layer, which the backward pass reads.
 */
#ifndef DIFFTF_MODEL_LAYER_H
#define DIFFTF_MODEL_LAYER_H

#include "model/model.h"

/* Arrays for up to `rows` tokens; the sizes behind each are [rows, ..]. */
struct layer_buffers {
    float *x;               /* D        the residual stream going in          */
    float *normed;          /* D                                              */
    float *q;               /* nq d     after the rotation                    */
    float *coef;            /* heads maps, or NULL for a Transformer          */
    float *lam;             /* heads, before the sigmoid (V2), else NULL      */
    float *heads;           /* heads width  sum of the maps                   */
    float *heads_normed;    /* the same after the head norm; = heads without  */
    float *map_out, *lse;   /* training only, else NULL                       */
    float *mid;             /* D        after attention                       */
    float *mid_normed;      /* D                                              */
    float *gate, *up, *act; /* F                                            */
    float *storage;
};
enum status layer_buffers_init(struct layer_buffers *b, const struct model *model, size_t rows, bool training, struct error *err);
/* Floats of one layer's buffers; and of a context and the scratch of the backward pass, nearly. */
size_t layer_buffers_floats(const struct model *model, size_t rows, bool training);
size_t layer_scratch_floats(const struct model *model, size_t rows, int threads);
void layer_buffers_free(struct layer_buffers *b);

/* Parts of the forward pass whose time is kept apart on request. */
enum layer_part {
    PART_NORMS,
    PART_QKV,
    PART_ROPE,
    PART_ATTENTION,
    PART_OUTPUT,
    PART_MLP,
    PART_ACTIVATION,
    PART_LM_HEAD,
    N_PARTS
};
struct layer_clock {
    double seconds[N_PARTS], last;
};

/* Where the rows of a block are when each is of another sequence. */
struct layer_places {
    struct kv_store *const *kv; /* [rows] of each sequence, [n_layers] */
    const size_t *position;     /* [rows] */
};

/* What all layers share while one block of tokens passes. */
struct layer_context {
    const struct model *model;
    size_t start, rows;                /* positions start .. start + rows - 1 */
    const struct layer_places *places; /* NULL: the rows follow one another in one sequence */
    float *cosines, *sines;            /* [rows, d / 2] */
    float *k, *v;                      /* [rows, nk d], [rows, nv vd] before they go into the store */
    float *scratch;                    /* attention scratch of every thread */
    float *storage;
    int threads;
    const struct logit_observer *observer; /* of this layer's logits; usually NULL */
    struct layer_clock *clock;             /* usually NULL */
};
enum status layer_context_init(struct layer_context *c, const struct model *model, size_t rows, int threads, struct error *err);
void layer_context_free(struct layer_context *c);
/* Sets the positions and the rotation table of the next block, of a sequence of `length` tokens as far as it is known. */
void layer_context_place(struct layer_context *c, size_t start, size_t rows, size_t length);

/* The time since the last call belongs to this part. */
void layer_lap(struct layer_clock *clock, enum layer_part part);

/* Reads b->x, appends to kv, writes the outgoing stream into `out` [rows, D] (may be b->x). */
void layer_forward(float *out, struct layer_buffers *b, struct kv_store *kv, size_t layer, struct layer_context *c);

/* After layer_forward: the first row of the block where the layer has a NaN or infinity in its output, or c->rows. */
size_t layer_find_not_finite(const float *out, const struct layer_buffers *b, const struct layer_context *c);

/* Scratch of the backward pass. */
struct layer_gradients {
    float *dq, *dk, *dv, *dcoef, *dlam, *dheads, *dheads_normed, *dnormed, *dgate, *dup, *dact;
    float *storage;
};
enum status layer_gradients_init(struct layer_gradients *g, const struct model *model, size_t rows, struct error *err);
void layer_gradients_free(struct layer_gradients *g);
/* dx [rows, D] holds the gradient of the outgoing stream and leaves as that of the incoming one; adds to the weights' gradients.
 */
void layer_backward(float *dx, struct layer_weights *dw, const struct layer_buffers *b, const struct kv_store *kv, size_t layer,
                    struct layer_gradients *g, struct layer_context *c);

#endif
