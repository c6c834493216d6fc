/* weights.h - the parameters of a model, and gradients of the same shape.
 *
 * One list of rows says each tensor's name, shape and place; loading, saving,
 * initialisation, the optimizer and `inspect` all walk that list.
 */
#ifndef DIFFTF_MODEL_WEIGHTS_H
#define DIFFTF_MODEL_WEIGHTS_H

#include "base/random.h"
#include "formats/safetensors.h"
#include "model/config.h"
#include "model/shards.h"
#include "numeric/matrix.h"

struct layer_weights {
    float *attention_norm;                                /* [D]                                              */
    struct matrix q, k, v, o;                             /* [nq d, D] [nk d, D] [nv vd, D] [D, heads width]  */
    float *q_bias, *k_bias, *v_bias, *o_bias;             /* or NULL                                          */
    float *q_norm, *k_norm;                               /* [d] RMSNorm of each query and key head, or NULL  */
    float *lambda_q1, *lambda_k1, *lambda_q2, *lambda_k2; /* [d], or NULL                                     */
    struct matrix lambda_proj;                            /* [H, D], or empty                                 */
    float *dex_lambda;                                    /* [H], or NULL                                     */
    struct matrix dex;                                    /* [H vd, vd] the map of each output head, or empty */
    float *head_norm;                                     /* [width of an output head], or NULL               */
    float *mlp_norm;                                      /* [D]                                              */
    struct matrix gate, up, down;                         /* [F, D] [F, D] [D, F]                             */
    float *gate_bias, *up_bias, *down_bias;
    float *poly, *poly_bias; /* PolyNorm: [3] and [1], or NULL */
};

/* How a fresh tensor is filled. */
enum weight_init { INIT_ONES, INIT_ZEROS, INIT_NORMAL, INIT_NORMAL_RESIDUAL, INIT_LAMBDA };

struct weight_row {
    char name[96];
    size_t n_dims, shape[2], count;
    enum weight_init init;
    /* Where its place is written down: one of the two. */
    float **vector;
    struct matrix *matrix;
};

struct weights {
    struct matrix embedding; /* [V, D]                            */
    float *final_norm;
    struct matrix lm_head; /* [V, D]; the embedding when tied   */
    struct layer_weights *layers;
    struct weight_row *rows;
    size_t n_rows, n_params;
    float *storage; /* the tensors that are ours, each at a multiple of 16 floats: all of a trained model's, the vectors of a
                       loaded one's */
    size_t n_storage;
    struct shards files; /* the mapped files of a loaded model, in which its matrices lie as they are stored; else none */
    size_t n_mapped;     /* bytes of the matrices in them */
};

/* The list of tensors alone: names and shapes, no numbers. */
enum status weights_list(struct weights *w, const struct config *config, struct error *err);
/* Lays the tensors out, all zero. */
enum status weights_init(struct weights *w, const struct config *config, struct error *err);
void weights_free(struct weights *w);
/* Storage for the vectors of the rows, and for the matrices too when they are `ours`; for weights_init and weights_load. */
enum status weights_allocate(struct weights *weights, const struct config *config, bool ours, struct error *err);
/* Lays the tensors out as views into a model's files, which it takes (and closes on failure); missing, extra or misshapen ones
 * are errors, found before memory is taken, and so are numbers that are not finite. `folder` names the model in messages; what a
 * reader of results should know is added to `notes`, a line each. */
enum status weights_load(struct weights *w, const struct config *config, struct shards *files, const char *folder,
                         struct text *notes, struct error *err);
/* Brings a loaded model's matrices into storage as floats, to be trained on. */
enum status weights_unpack(struct weights *w, const struct config *config, struct error *err);
/* Are all numbers floats, as training needs them? */
bool weights_unpacked(const struct weights *w);
/* The numbers of a tensor; NULL for a mapped matrix that holds no floats. */
float *weights_floats(const struct weight_row *row);
/* Writes model.safetensors as F32 or BF16. */
enum status weights_save(const struct weights *w, const char *path, enum dtype dtype, struct error *err);
/* Random start: normal with deviation 1 / sqrt(inputs) (residual outputs divided by sqrt(2 L); small models learn to look back
 * sooner than from 0.02), embedding 0.02, lambda vectors N(0, 0.1) (Ye et al. 2024), norms 1. */
void weights_randomize(struct weights *w, const struct config *config, uint64_t seed);
/* The deviation of a tensor that is drawn. */
double weights_deviation(const struct weight_row *row, const struct weights *w, const struct config *config);
/* The same for a part of one tensor: n numbers in order from the stream that begins as rng_stream(seed, row->name, 0). */
void weights_draw(float *out, size_t n, struct rng *rng, const struct weight_row *row, const struct weights *w,
                  const struct config *config);

#endif
