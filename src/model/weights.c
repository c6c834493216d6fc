/* weights.c - the list of tensors, loading, saving; see weights.h. */
#include "model/weights.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds a row for a tensor of `columns` = 0 (one dimension) or more. */
static void add(struct weights *w, float **slot, enum weight_init init, size_t rows, size_t columns, const char *name)
{
    struct weight_row *row = &w->rows[w->n_rows++];
    *row = (struct weight_row){.n_dims = columns ? 2 : 1,
                               .shape = {rows, columns},
                               .count = columns ? rows * columns : rows,
                               .init = init,
                               .slot = slot};
    snprintf(row->name, sizeof row->name, "%s", name);
    w->n_params += row->count;
    w->n_storage += (row->count + 15) / 16 * 16;
}

static void add_layer(struct weights *w, const struct config *c, size_t l)
{
    struct layer_weights *x = &w->layers[l];
    size_t D = c->d_model, F = c->d_ff, d = c->head_dim, width = c->n_parts * c->v_dim;
    size_t q = c->n_q_heads * d, k = c->n_k_heads * d, v = c->n_v_heads * c->v_dim, out = c->n_q_heads / c->n_maps * width;
    const struct {
        const char *name;
        float **slot;
        enum weight_init init;
        size_t rows, columns;
        bool there;
    } table[] = {
        {"input_layernorm.weight", &x->attention_norm, INIT_ONES, D, 0, true},
        {"self_attn.q_proj.weight", &x->q, INIT_NORMAL, q, D, true},
        {"self_attn.k_proj.weight", &x->k, INIT_NORMAL, k, D, true},
        {"self_attn.v_proj.weight", &x->v, INIT_NORMAL, v, D, true},
        {"self_attn.o_proj.weight", &x->o, INIT_NORMAL_RESIDUAL, D, out, true},
        {"self_attn.q_proj.bias", &x->q_bias, INIT_ZEROS, q, 0, c->attention_bias},
        {"self_attn.k_proj.bias", &x->k_bias, INIT_ZEROS, k, 0, c->attention_bias},
        {"self_attn.v_proj.bias", &x->v_bias, INIT_ZEROS, v, 0, c->attention_bias},
        {"self_attn.o_proj.bias", &x->o_bias, INIT_ZEROS, D, 0, c->attention_bias},
        {"self_attn.lambda_q1", &x->lambda_q1, INIT_LAMBDA, d, 0, c->lambda == LAMBDA_VECTORS},
        {"self_attn.lambda_k1", &x->lambda_k1, INIT_LAMBDA, d, 0, c->lambda == LAMBDA_VECTORS},
        {"self_attn.lambda_q2", &x->lambda_q2, INIT_LAMBDA, d, 0, c->lambda == LAMBDA_VECTORS},
        {"self_attn.lambda_k2", &x->lambda_k2, INIT_LAMBDA, d, 0, c->lambda == LAMBDA_VECTORS},
        {"self_attn.subln.weight", &x->head_norm, INIT_ONES, width, 0, c->head_norm_scaled},
        {"self_attn.lambda_proj.weight", &x->lambda_proj, INIT_NORMAL, c->n_q_heads / c->n_maps, D,
         c->lambda == LAMBDA_PROJECTION},
        {"post_attention_layernorm.weight", &x->mlp_norm, INIT_ONES, D, 0, true},
        {"mlp.gate_proj.weight", &x->gate, INIT_NORMAL, F, D, true},
        {"mlp.up_proj.weight", &x->up, INIT_NORMAL, F, D, true},
        {"mlp.down_proj.weight", &x->down, INIT_NORMAL_RESIDUAL, D, F, true},
        {"mlp.gate_proj.bias", &x->gate_bias, INIT_ZEROS, F, 0, c->mlp_bias},
        {"mlp.up_proj.bias", &x->up_bias, INIT_ZEROS, F, 0, c->mlp_bias},
        {"mlp.down_proj.bias", &x->down_bias, INIT_ZEROS, D, 0, c->mlp_bias},
        {"mlp.act_fn.weight", &x->poly, INIT_ONES, 3, 0, config_has_polynorm(c)},
        {"mlp.act_fn.bias", &x->poly_bias, INIT_ZEROS, 1, 0, config_has_polynorm(c)},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char name[96];
        snprintf(name, sizeof name, "model.layers.%zu.%s", l, table[i].name);
        if (table[i].there)
            add(w, table[i].slot, table[i].init, table[i].rows, table[i].columns, name);
    }
}

enum { ROWS_PER_LAYER = 24 };

/* The rows without their storage, so that a file can be checked against them first. */
static enum status lay_out(struct weights *w, const struct config *c, struct error *err)
{
    *w = (struct weights){0};
    w->layers = mem_array(c->n_layers, sizeof *w->layers);
    w->rows = mem_array(c->n_layers * ROWS_PER_LAYER + 3, sizeof *w->rows);
    if (w->layers == NULL || w->rows == NULL) {
        weights_free(w);
        return error_set(err, ERR_SYSTEM, "model weights: out of memory for %zu layers", c->n_layers);
    }
    add(w, &w->embedding, INIT_NORMAL, c->vocab_size, c->d_model, "model.embed_tokens.weight");
    for (size_t l = 0; l < c->n_layers; l++)
        add_layer(w, c, l);
    add(w, &w->final_norm, INIT_ONES, c->d_model, 0, "model.norm.weight");
    if (!c->tied)
        add(w, &w->lm_head, INIT_NORMAL, c->vocab_size, c->d_model, "lm_head.weight");
    return OK;
}

static enum status allocate(struct weights *w, const struct config *c, struct error *err)
{
    w->storage = mem_array(w->n_storage, sizeof(float));
    if (w->storage == NULL)
        return error_set(err, ERR_SYSTEM, "model weights: out of memory for %zu parameters", w->n_params);
    float *at = w->storage;
    for (size_t i = 0; i < w->n_rows; i++) {
        *w->rows[i].slot = at;
        at += (w->rows[i].count + 15) / 16 * 16;
    }
    if (c->tied)
        w->lm_head = w->embedding;
    return OK;
}

enum status weights_init(struct weights *w, const struct config *c, struct error *err)
{
    enum status status = lay_out(w, c, err);
    if (status != OK)
        return status;
    status = allocate(w, c, err);
    if (status != OK)
        weights_free(w);
    return status;
}

void weights_free(struct weights *w)
{
    free(w->layers);
    free(w->rows);
    free(w->storage);
    *w = (struct weights){0};
}

/* The weight files of a folder, in the order of their names. */
struct shards {
    struct safetensors *files;
    size_t n;
};

static void close_shards(struct shards *s)
{
    for (size_t i = 0; i < s->n; i++)
        safetensors_close(&s->files[i]);
    free(s->files);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum status open_shards(struct shards *s, const char *folder, struct error *err)
{
    char *single = path_join(folder, "model.safetensors"), *index = path_join(folder, "model.safetensors.index.json");
    cJSON *json = NULL;
    const char **names = NULL;
    size_t n = 0;
    enum status status = OK;
    *s = (struct shards){0};
    if (single == NULL || index == NULL) {
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        goto done;
    }
    if (file_exists(single) || !file_exists(index)) {
        s->files = calloc(1, sizeof *s->files);
        status = s->files ? safetensors_open(&s->files[0], single, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        s->n = status == OK;
        goto done;
    }
    status = json_read(&json, index, err);
    if (status != OK)
        goto done;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(json, "weight_map"), *item;
    size_t count = cJSON_IsObject(map) ? (size_t)cJSON_GetArraySize(map) : 0;
    names = calloc(count + 1, sizeof *names);
    s->files = calloc(count + 1, sizeof *s->files);
    if (count == 0 || names == NULL || s->files == NULL) {
        status = error_set(err, ERR_INPUT, "%s: key 'weight_map' is missing or empty, expected tensor names and files", index);
        goto done;
    }
    cJSON_ArrayForEach(item, map)
    {
        if (!cJSON_IsString(item) || strchr(item->valuestring, '/') != NULL) {
            status = error_set(err, ERR_INPUT, "%s: key '%s' is wrong, expected the name of a file in the same folder", index,
                               item->string);
            goto done;
        }
        names[n++] = item->valuestring;
    }
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
            continue;
        char *path = path_join(folder, names[i]);
        status = path ? safetensors_open(&s->files[s->n], path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
        s->n += status == OK;
        free(path);
    }
done:
    if (status != OK)
        close_shards(s);
    free(single);
    free(index);
    free(names);
    cJSON_Delete(json);
    return status;
}

static const struct tensor *find_tensor(const struct weight_row *row, const struct shards *s, const char **path)
{
    const struct tensor *t = NULL;
    for (size_t i = 0; i < s->n && t == NULL; i++) {
        t = safetensors_find(&s->files[i], row->name);
        *path = s->files[i].path;
    }
    return t;
}

static enum status check_row(const struct weight_row *row, const struct shards *s, const char *folder, struct error *err)
{
    const char *path = folder;
    const struct tensor *t = find_tensor(row, s, &path);
    if (t == NULL)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is missing, expected it in the weights", folder, row->name);
    if (t->n_dims != row->n_dims || t->shape[0] != row->shape[0] || (row->n_dims == 2 && t->shape[1] != row->shape[1])) {
        struct text got = {0}, want = {0};
        for (size_t i = 0; i < t->n_dims; i++)
            text_printf(&got, "%s%zu", i ? ", " : "", t->shape[i]);
        for (size_t i = 0; i < row->n_dims; i++)
            text_printf(&want, "%s%zu", i ? ", " : "", row->shape[i]);
        error_write(err, ERR_INPUT, "%s: tensor '%s' has shape [%s], expected [%s] from config.json", path, row->name,
                    got.data ? got.data : "", want.data ? want.data : "");
        text_free(&got);
        text_free(&want);
        return ERR_INPUT;
    }
    if (t->dtype != DTYPE_F32 && t->dtype != DTYPE_F16 && t->dtype != DTYPE_BF16)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is %s, expected F32, F16 or BF16", path, row->name, t->dtype_name);
    return OK;
}

static enum status load_row(const struct weight_row *row, const struct shards *s, struct error *err)
{
    const char *path = NULL;
    tensor_to_f32(*row->slot, find_tensor(row, s, &path));
    for (size_t i = 0; i < row->count; i++)
        if (!isfinite((*row->slot)[i]))
            return error_set(err, ERR_INPUT, "%s: tensor '%s' holds a NaN or infinity at element %zu, expected finite weights",
                             path, row->name, i);
    return OK;
}

/* A tensor that no row names; NULL when there is none. Buffers that some exporters add are not weights. */
static const char *find_extra(const struct weights *w, const struct shards *s, bool tied)
{
    for (size_t f = 0; f < s->n; f++)
        for (size_t i = 0; i < s->files[f].n_tensors; i++) {
            const char *name = s->files[f].tensors[i].name;
            bool known = strstr(name, "rotary_emb.inv_freq") != NULL || (tied && strcmp(name, "lm_head.weight") == 0);
            for (size_t r = 0; r < w->n_rows && !known; r++)
                known = strcmp(w->rows[r].name, name) == 0;
            if (!known)
                return name;
        }
    return NULL;
}

static void hash_shards(char sha256[65], const struct shards *s)
{
    struct text digests = {0};
    for (size_t i = 0; i < s->n; i++) {
        sha256_hex(sha256, s->files[i].map.data, s->files[i].map.size);
        text_puts(&digests, sha256);
    }
    if (s->n > 1 && digests.data != NULL)
        sha256_hex(sha256, digests.data, digests.len);
    text_free(&digests);
}

enum status weights_load(struct weights *w, const struct config *config, const char *folder, char sha256[65], struct error *err)
{
    struct shards s;
    enum status status = lay_out(w, config, err);
    if (status != OK)
        return status;
    status = open_shards(&s, folder, err);
    if (status != OK) {
        weights_free(w);
        return status;
    }
    for (size_t i = 0; i < w->n_rows && status == OK; i++)
        status = check_row(&w->rows[i], &s, folder, err);
    const char *extra = status == OK ? find_extra(w, &s, config->tied) : NULL;
    if (extra != NULL)
        status =
            error_set(err, ERR_INPUT, "%s: tensor '%s' is not part of this model, expected only the tensors config.json implies",
                      folder, extra);
    if (status == OK)
        status = allocate(w, config, err);
    for (size_t i = 0; i < w->n_rows && status == OK; i++)
        status = load_row(&w->rows[i], &s, err);
    if (status == OK)
        hash_shards(sha256, &s);
    else
        weights_free(w);
    close_shards(&s);
    return status;
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
                                     .data = *w->rows[i].slot};
    enum status status = safetensors_write(path, out, w->n_rows, err);
    free(out);
    return status;
}

void weights_randomize(struct weights *w, const struct config *c, uint64_t seed)
{
    for (size_t i = 0; i < w->n_rows; i++) {
        const struct weight_row *row = &w->rows[i];
        struct rng rng = rng_stream(seed, row->name, 0);
        bool embedding = *row->slot == w->embedding || *row->slot == w->lm_head;
        double deviation = row->init == INIT_LAMBDA ? 0.1
                           : embedding              ? 0.02
                                                    : 1 / sqrt((double)(row->n_dims == 2 ? row->shape[1] : 1));
        if (row->init == INIT_NORMAL_RESIDUAL)
            deviation /= sqrt(2.0 * (double)c->n_layers);
        for (size_t j = 0; j < row->count; j++)
            (*row->slot)[j] = row->init == INIT_ONES    ? 1.0f
                              : row->init == INIT_ZEROS ? 0.0f
                                                        : (float)(deviation * rng_normal(&rng));
    }
}
