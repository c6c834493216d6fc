/* weights.c - the list of tensors, loading, saving; see weights.h. */
#include "model/weights.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds a row for a vector, or for a matrix. */
static struct weight_row *add(struct weights *w, enum weight_init init, const char *name, size_t n_dims, size_t rows,
                              size_t columns)
{
    struct weight_row *row = &w->rows[w->n_rows++];
    *row = (struct weight_row){
        .n_dims = n_dims, .shape = {rows, columns}, .count = n_dims == 2 ? rows * columns : rows, .init = init};
    snprintf(row->name, sizeof row->name, "%s", name);
    w->n_params += row->count;
    return row;
}

static void add_vector(struct weights *w, float **slot, enum weight_init init, size_t n, const char *name)
{
    add(w, init, name, 1, n, 0)->vector = slot;
}

static void add_matrix(struct weights *w, struct matrix *slot, enum weight_init init, size_t rows, size_t columns,
                       const char *name)
{
    add(w, init, name, 2, rows, columns)->matrix = slot;
}

static void add_layer(struct weights *w, const struct config *c, size_t l)
{
    struct layer_weights *x = &w->layers[l];
    size_t D = c->d_model, F = c->d_ff, d = c->head_dim, width = c->n_parts * c->v_dim;
    size_t q = c->n_q_heads * d, k = c->n_k_heads * d, v = c->n_v_heads * c->v_dim, out = config_output_heads(c) * width;
    bool vectors = c->lambda == LAMBDA_VECTORS, poly = config_has_polynorm(c);
    const struct {
        const char *name;
        float **slot;
        enum weight_init init;
        size_t n;
        bool there;
    } vector[] = {
        {"input_layernorm.weight", &x->attention_norm, INIT_ONES, D, true},
        {"self_attn.q_proj.bias", &x->q_bias, INIT_ZEROS, q, c->qkv_bias},
        {"self_attn.k_proj.bias", &x->k_bias, INIT_ZEROS, k, c->qkv_bias},
        {"self_attn.v_proj.bias", &x->v_bias, INIT_ZEROS, v, c->qkv_bias},
        {"self_attn.o_proj.bias", &x->o_bias, INIT_ZEROS, D, c->o_bias},
        {"self_attn.q_norm.weight", &x->q_norm, INIT_ONES, d, c->qk_norm},
        {"self_attn.k_norm.weight", &x->k_norm, INIT_ONES, d, c->qk_norm},
        {"self_attn.lambda_q1", &x->lambda_q1, INIT_LAMBDA, d, vectors},
        {"self_attn.lambda_k1", &x->lambda_k1, INIT_LAMBDA, d, vectors},
        {"self_attn.lambda_q2", &x->lambda_q2, INIT_LAMBDA, d, vectors},
        {"self_attn.lambda_k2", &x->lambda_k2, INIT_LAMBDA, d, vectors},
        {"self_attn.dex_lambda", &x->dex_lambda, INIT_ZEROS, config_output_heads(c), c->dex},
        {"self_attn.subln.weight", &x->head_norm, INIT_ONES, width, c->head_norm_scaled},
        {"post_attention_layernorm.weight", &x->mlp_norm, INIT_ONES, D, true},
        {"mlp.gate_proj.bias", &x->gate_bias, INIT_ZEROS, F, c->mlp_bias},
        {"mlp.up_proj.bias", &x->up_bias, INIT_ZEROS, F, c->mlp_bias},
        {"mlp.down_proj.bias", &x->down_bias, INIT_ZEROS, D, c->mlp_bias},
        {"mlp.act_fn.weight", &x->poly, INIT_ONES, 3, poly},
        {"mlp.act_fn.bias", &x->poly_bias, INIT_ZEROS, 1, poly},
    };
    const struct {
        const char *name;
        struct matrix *slot;
        enum weight_init init;
        size_t rows, columns;
        bool there;
    } matrix[] = {
        {"self_attn.q_proj.weight", &x->q, INIT_NORMAL, q, D, true},
        {"self_attn.k_proj.weight", &x->k, INIT_NORMAL, k, D, true},
        {"self_attn.v_proj.weight", &x->v, INIT_NORMAL, v, D, true},
        {"self_attn.o_proj.weight", &x->o, INIT_NORMAL_RESIDUAL, D, out, true},
        {"self_attn.lambda_proj.weight", &x->lambda_proj, INIT_NORMAL, config_output_heads(c), D, c->lambda == LAMBDA_PROJECTION},
        {"self_attn.dex_proj.weight", &x->dex, INIT_NORMAL, out, width, c->dex},
        {"mlp.gate_proj.weight", &x->gate, INIT_NORMAL, F, D, true},
        {"mlp.up_proj.weight", &x->up, INIT_NORMAL, F, D, true},
        {"mlp.down_proj.weight", &x->down, INIT_NORMAL_RESIDUAL, D, F, true},
    };
    char name[96];
    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        snprintf(name, sizeof name, "model.layers.%zu.%s", l, vector[i].name);
        if (vector[i].there)
            add_vector(w, vector[i].slot, vector[i].init, vector[i].n, name);
    }
    for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
        snprintf(name, sizeof name, "model.layers.%zu.%s", l, matrix[i].name);
        if (matrix[i].there)
            add_matrix(w, matrix[i].slot, matrix[i].init, matrix[i].rows, matrix[i].columns, name);
    }
}

enum { ROWS_PER_LAYER = 28 };

enum status weights_list(struct weights *w, const struct config *c, struct error *err)
{
    *w = (struct weights){0};
    w->layers = mem_array(c->n_layers, sizeof *w->layers);
    w->rows = mem_array(c->n_layers * ROWS_PER_LAYER + 3, sizeof *w->rows);
    if (w->layers == NULL || w->rows == NULL) {
        weights_free(w);
        return error_set(err, ERR_SYSTEM, "model weights: out of memory for %zu layers", c->n_layers);
    }
    add_matrix(w, &w->embedding, INIT_NORMAL, c->vocab_size, c->d_model, "model.embed_tokens.weight");
    for (size_t l = 0; l < c->n_layers; l++)
        add_layer(w, c, l);
    add_vector(w, &w->final_norm, INIT_ONES, c->d_model, "model.norm.weight");
    if (!c->tied)
        add_matrix(w, &w->lm_head, INIT_NORMAL, c->vocab_size, c->d_model, "lm_head.weight");
    return OK;
}

/* Each tensor begins on a cache line. */
static size_t padded(size_t count)
{
    return (count + 15) / 16 * 16;
}

static void place(const struct weight_row *row, float *at)
{
    if (row->vector != NULL)
        *row->vector = at;
    else
        *row->matrix = matrix_of(at);
}

enum status weights_allocate(struct weights *w, const struct config *c, bool ours, struct error *err)
{
    w->n_storage = 0;
    for (size_t i = 0; i < w->n_rows; i++)
        w->n_storage += ours || w->rows[i].vector ? padded(w->rows[i].count) : 0;
    w->storage = mem_array(w->n_storage, sizeof(float));
    if (w->storage == NULL)
        return error_set(err, ERR_SYSTEM, "model weights: out of memory for %zu parameters", w->n_params);
    float *at = w->storage;
    for (size_t i = 0; i < w->n_rows; i++)
        if (ours || w->rows[i].vector != NULL) {
            place(&w->rows[i], at);
            at += padded(w->rows[i].count);
        }
    if (c->tied)
        w->lm_head = w->embedding;
    return OK;
}

enum status weights_init(struct weights *w, const struct config *c, struct error *err)
{
    enum status status = weights_list(w, c, err);
    if (status != OK)
        return status;
    status = weights_allocate(w, c, true, err);
    if (status != OK)
        weights_free(w);
    return status;
}

void weights_free(struct weights *w)
{
    free(w->layers);
    free(w->rows);
    free(w->storage);
    shards_close(&w->files);
    *w = (struct weights){0};
}

enum status weights_unpack(struct weights *w, const struct config *config, struct error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < w->n_rows; i++)
        total += padded(w->rows[i].count);
    float *storage = mem_array(total, sizeof *storage), *at = storage;
    if (storage == NULL)
        return error_set(err, ERR_SYSTEM, "model weights: out of memory for %zu parameters", w->n_params);
    for (size_t i = 0; i < w->n_rows; at += padded(w->rows[i].count), i++) {
        const struct weight_row *row = &w->rows[i];
        struct matrix m = row->matrix ? *row->matrix : matrix_of(*row->vector);
        matrix_widen(at, &m, 0, row->count);
        place(row, at);
    }
    free(w->storage);
    shards_close(&w->files);
    w->storage = storage;
    w->n_storage = total;
    w->n_mapped = 0;
    if (config->tied)
        w->lm_head = w->embedding;
    return OK;
}

bool weights_unpacked(const struct weights *w)
{
    for (size_t i = 0; i < w->n_rows; i++)
        if (weights_floats(&w->rows[i]) == NULL)
            return false;
    return true;
}

float *weights_floats(const struct weight_row *row)
{
    return row->vector ? *row->vector : row->matrix->f32;
}

enum status weights_save(const struct weights *w, const char *path, enum dtype dtype, struct error *err)
{
    struct tensor_out *out = calloc(w->n_rows, sizeof *out);
    if (out == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < w->n_rows; i++)
        out[i] = (struct tensor_out){.name = w->rows[i].name,
                                     .dtype = dtype,
                                     .n_dims = w->rows[i].n_dims,
                                     .shape = {w->rows[i].shape[0], w->rows[i].shape[1]},
                                     .data = weights_floats(&w->rows[i])};
    enum status status = safetensors_write(path, out, w->n_rows, err);
    free(out);
    return status;
}

double weights_deviation(const struct weight_row *row, const struct weights *w, const struct config *c)
{
    bool embedding = row->matrix == &w->embedding || row->matrix == &w->lm_head;
    double deviation = row->init == INIT_LAMBDA ? 0.1
                       : embedding              ? 0.02
                                                : 1 / sqrt((double)(row->n_dims == 2 ? row->shape[1] : 1));
    return row->init == INIT_NORMAL_RESIDUAL ? deviation / sqrt(2.0 * (double)c->n_layers) : deviation;
}

void weights_draw(float *out, size_t n, struct rng *rng, const struct weight_row *row, const struct weights *w,
                  const struct config *c)
{
    double deviation = weights_deviation(row, w, c);
    for (size_t i = 0; i < n; i++)
        out[i] = row->init == INIT_ONES ? 1.0f : row->init == INIT_ZEROS ? 0.0f : (float)(deviation * rng_normal(rng));
}

void weights_randomize(struct weights *w, const struct config *c, uint64_t seed)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        struct rng rng = rng_stream(seed, w->rows[i].name, 0);
        weights_draw(weights_floats(&w->rows[i]), w->rows[i].count, &rng, &w->rows[i], w, c);
    }
}
