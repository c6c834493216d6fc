/* attention.h - one attention kernel for every architecture.
 *
 * An output head is a signed sum of causal softmax maps over one slice of the values:
 *
 *     out_h = sum_m c_m softmax(q_{h,m} k_{h,m}^T / sqrt(d)) v_h
 *
 * with one map and c = 1 for a Transformer, two maps and c = (1, -lambda) for
 * a Diff Transformer (Ye et al. 2024, equation 1).  The plan says which query,
 * key and value heads each map uses, so grouped queries and every published
 * layout are data, not code.  Tiles of 64 x 64 with an online softmax (Dao et
 * al. 2022): memory is linear in the length, tiles above the diagonal are skipped.
 */
#ifndef DIFFTF_NUMERIC_ATTENTION_H
#define DIFFTF_NUMERIC_ATTENTION_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { ATTENTION_TILE = 64 };

struct attention_plan {
    size_t n_heads;  /* output heads                                       */
    size_t n_maps;   /* softmax maps of each: 1 or 2                       */
    size_t n_parts;  /* value heads side by side in each output head       */
    size_t head_dim; /* d, width of a query or key head                    */
    size_t v_dim;    /* width of a value head                              */
    size_t n_q_heads, n_k_heads, n_v_heads;
    size_t *q_head; /* [n_heads, n_maps]                                  */
    size_t *k_head; /* [n_heads, n_maps]                                  */
    size_t *v_head; /* [n_heads, n_parts]                                 */
    size_t *group;  /* [n_heads] heads of one group share keys or values  */
    size_t n_groups;
};
/* Allocates the head tables of a plan whose sizes are set; the caller fills them and calls attention_plan_group. */
bool attention_plan_alloc(struct attention_plan *plan);
/* Finds the groups (connected through shared key and value heads). */
void attention_plan_group(struct attention_plan *plan);
void attention_plan_free(struct attention_plan *plan);
/* Channels of an output head. */
size_t attention_width(const struct attention_plan *plan);

/* The keys and values of one layer: keys in transposed tiles [n_k_heads, capacity/64, head_dim, 64],
 * values [n_v_heads, capacity, v_dim]. */
struct kv_store {
    float *k, *v;
    size_t capacity; /* tokens, a multiple of ATTENTION_TILE */
    size_t window;   /* keys that a query sees, its own included; 0: all before it */
};
enum status kv_store_init(struct kv_store *kv, const struct attention_plan *plan, size_t tokens, size_t window,
                          struct error *err);
void kv_store_free(struct kv_store *kv);
/* Puts rows of keys [rows, n_k_heads * d] and values [rows, n_v_heads * v_dim] at positions start.. */
void kv_store_append(struct kv_store *kv, const struct attention_plan *plan, const float *k, const float *v, size_t start,
                     size_t rows, int threads);

/* The first tokens of another store of the same plan. */
void kv_store_copy(struct kv_store *kv, const struct kv_store *from, const struct attention_plan *plan, size_t tokens);

/* Floats of scratch each thread needs, forward and backward. */
size_t attention_scratch(const struct attention_plan *plan);

/* What sees or changes the logits (q k^T / sqrt(d)) on their way to the softmax. */
struct logit_observer {
    void *context;
    size_t layer; /* handed on */
    /* A tile: query rows at position.., [rows, ATTENTION_TILE], against the keys from first_key; masked ones are -infinity.
     * Called from one thread. NULL: only `bits`. */
    void (*on_tile)(void *context, size_t layer, size_t head, size_t map, size_t position, size_t first_key, size_t rows,
                    const float *logits);
    /* 2..15: logits are rounded to so many bits by the largest absolute value of their row, or of all that one call computes (its
     * rows, heads and maps: the tensor), step = absmax / (2^(bits-1) - 1); 0: not. */
    unsigned bits;
    bool tensor;
};

/* Attention of query rows at positions start .. start+rows-1 over the keys 0 .. their own position, or the window's part
 * of them.
 *   out      [rows, n_heads * width]
 *   q        [rows, n_q_heads * d]
 *   coef     [rows, n_heads * n_maps], or NULL for all 1
 *   map_out  [rows, n_heads * n_maps * width] each map's own output, or NULL
 *   lse      [n_heads * n_maps, rows] log of each softmax's denominator, or NULL
 *   scratch  [threads, attention_scratch()]
 *   observer of the logits, or NULL */
void attention_forward(float *out, float *map_out, float *lse, const struct attention_plan *plan, const struct kv_store *kv,
                       const float *q, const float *coef, size_t start, size_t rows, const struct logit_observer *observer,
                       float *scratch, int threads);

/* Gradients for a whole sequence of `rows` tokens from position 0; recomputes the maps tile by tile.
 *   dq, dk, dv  += gradients, row-major like q, k, v
 *   dcoef       [rows, n_heads * n_maps] = gradient of each coefficient
 *   dout        [rows, n_heads * width];  map_out and lse as the forward pass gave them */
void attention_backward(float *dq, float *dk, float *dv, float *dcoef, const float *dout, const struct attention_plan *plan,
                        const struct kv_store *kv, const float *q, const float *coef, const float *map_out, const float *lse,
                        size_t rows, float *scratch, int threads);

/* One row of a single map, `index` = head * n_maps + map: row[0..position] = softmax(..); the rest as attention_row. */
void attention_map_row(float *row, const struct attention_plan *plan, const struct kv_store *kv, const float *q, size_t index,
                       size_t position, float *work);
/* One row of the effective map of head h: row[0..position] = sum_m c_m softmax(..), for a query row q [n_q_heads * d]
 * with its coefficients coef [n_heads * n_maps] or NULL; work has as many floats as row, both rounded up to 64. */
void attention_row(float *row, const struct attention_plan *plan, const struct kv_store *kv, const float *q, const float *coef,
                   size_t head, size_t position, float *work);

#endif
