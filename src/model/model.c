/* model.c - loading, saving and what is derived from the weights; see model.h. */
#include "model/model.h"

#include "base/memory.h"
#include "model/gguf_model.h"
#include "model/weights_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status model_derive(struct model *m, struct error *err)
{
    enum status status = config_plan(&m->plan, &m->config, err);
    if (status != OK)
        return status;
    if (m->config.lambda == LAMBDA_VECTORS)
        m->lambda = mem_array(m->config.n_layers, sizeof *m->lambda);
    if (m->config.lambda == LAMBDA_VECTORS && m->lambda == NULL)
        return error_set(err, ERR_SYSTEM, "model: out of memory");
    model_update_lambda(m);
    return OK;
}

/* config.json of a folder, or of a GGUF file with its tensors. */
static enum status open_model(cJSON **json, char **config_path, struct shards *files, const char *folder, struct error *err)
{
    bool gguf = gguf_named(folder);
    *config_path = gguf ? strdup(folder) : path_join(folder, "config.json");
    if (*config_path == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (gguf)
        return gguf_model_open(files, json, folder, err);
    if (!file_is_directory(folder))
        return error_set(err, ERR_INPUT,
                         "%s: is no folder, expected a model folder with config.json and model.safetensors, or a .gguf file",
                         folder);
    return json_read(json, *config_path, err);
}

/* What a GGUF file divides its frequencies by, where it does. */
static enum status read_rope_factors(struct model *m, struct error *err)
{
    const char *path = NULL;
    const struct tensor *t = shards_find(&m->weights.files, ROPE_FACTORS, &path);
    if (t == NULL)
        return OK;
    if (t->count != m->config.head_dim / 2 || t->dtype != DTYPE_F32)
        return error_set(err, ERR_INPUT, "%s: tensor '%s' is wrong, expected head_dim / 2 = %zu factors in F32", path,
                         ROPE_FACTORS, m->config.head_dim / 2);
    m->rope_factors = mem_array(t->count, sizeof *m->rope_factors);
    if (m->rope_factors == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    tensor_to_f32(m->rope_factors, t);
    m->config.rope.factors = m->rope_factors;
    return OK;
}

enum status model_load(struct model *m, const char *folder, struct error *err)
{
    struct shards files = {0};
    char *path = NULL;
    cJSON *json = NULL;
    *m = (struct model){.folder = strdup(folder)};
    enum status status = m->folder ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK)
        status = open_model(&json, &path, &files, folder, err);
    if (status == OK)
        status = config_from_json(&m->config, json, path, err);
    if (status == OK && files.n == 0)
        status = shards_open(&files, folder, err);
    if (status == OK) {
        weights_settle(&m->config, &files, folder, &m->notes);
        status = weights_load(&m->weights, &m->config, &files, folder, &m->notes, err);
    }
    if (status == OK)
        status = read_rope_factors(m, err);
    if (status == OK)
        status = model_derive(m, err);
    shards_close(&files);
    cJSON_Delete(json);
    free(path);
    if (status != OK)
        model_free(m);
    return status;
}

enum status model_create(struct model *m, const struct config *config, uint64_t seed, struct error *err)
{
    *m = (struct model){.config = *config};
    enum status status = weights_init(&m->weights, config, err);
    if (status == OK) {
        weights_randomize(&m->weights, config, seed);
        status = model_derive(m, err);
    }
    if (status != OK)
        model_free(m);
    return status;
}

enum status model_save(const struct model *m, const char *folder, enum dtype dtype, struct error *err)
{
    enum status status = file_make_directory(folder, err);
    char *config = path_join(folder, "config.json"), *weights = path_join(folder, "model.safetensors");
    cJSON *json = config_to_json(&m->config);
    if (status == OK && (config == NULL || weights == NULL || json == NULL))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK)
        status = json_write(config, json, err);
    if (status == OK)
        status = weights_save(&m->weights, weights, dtype, err);
    cJSON_Delete(json);
    free(config);
    free(weights);
    return status;
}

void model_free(struct model *m)
{
    free(m->folder);
    free(m->lambda);
    free(m->rope_factors);
    text_free(&m->notes);
    weights_free(&m->weights);
    attention_plan_free(&m->plan);
    *m = (struct model){0};
}

void model_hash(const struct model *m, char sha256[65])
{
    shards_hash(sha256, &m->weights.files);
}

enum status model_unpack(struct model *m, struct error *err)
{
    return weights_unpack(&m->weights, &m->config, err);
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void model_update_lambda(struct model *m)
{
    size_t d = m->config.head_dim;
    for (size_t l = 0; m->lambda != NULL && l < m->config.n_layers; l++) {
        const struct layer_weights *w = &m->weights.layers[l];
        m->lambda[l] =
            (1 - m->lambda_held) * (float)(exp(dot(w->lambda_q1, w->lambda_k1, d)) - exp(dot(w->lambda_q2, w->lambda_k2, d)) +
                                           config_lambda_init(&m->config, l));
    }
}
