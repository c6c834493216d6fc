/* family_diff_transformer.c - the paper's Diff Transformer in the official layout (V1).
 *
 * H counts differential heads.  Pair i has query heads 2i and 2i+1 on key heads
 * 2(i/r) and 2(i/r)+1 and the value head i/r, twice as wide, with r = H / KV. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    enum status status = config_set_head_dim(c, 2 * n_heads, head_dim, path, err);
    if (status != OK)
        return status;
    c->n_heads = n_heads;
    c->n_q_heads = 2 * n_heads;
    c->n_k_heads = 2 * n_kv_heads;
    c->n_v_heads = n_kv_heads;
    c->v_dim = 2 * c->head_dim;
    c->n_maps = 2;
    c->n_parts = 1;
    c->lambda = LAMBDA_VECTORS;
    c->head_norm = c->head_norm_scaled = true;
    c->rope.interleaved = true;
    c->head_norm_eps = 1e-5f;
    status = json_get_bool(json, "rope_interleaved", true, &c->rope.interleaved, path, err);
    if (status == OK)
        status = config_get_eps(json, "subln_eps", &c->head_norm_eps, path, err);
    if (status == OK)
        status = json_get_double(json, "lambda_init", 0, 1, true, &c->lambda_init, path, err);
    return status;
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t repeat = c->n_heads / c->n_v_heads;
    for (size_t h = 0; h < p->n_heads; h++) {
        for (size_t map = 0; map < 2; map++) {
            p->q_head[2 * h + map] = 2 * h + map;
            p->k_head[2 * h + map] = 2 * (h / repeat) + map;
        }
        p->v_head[h] = h / repeat;
    }
}

static void write(cJSON *json, const struct config *c)
{
    cJSON_AddBoolToObject(json, "rope_interleaved", c->rope.interleaved);
    json_add_number(json, "subln_eps", (double)c->head_norm_eps);
    if (c->lambda_init >= 0)
        json_add_number(json, "lambda_init", c->lambda_init);
}

const struct family FAMILY_DIFF_TRANSFORMER = {
    .model_type = "diff_transformer",
    .architecture = "DiffTransformerForCausalLM",
    .summary = "Diff Transformer: the paper's (V1)",
    .read = read,
    .plan = plan,
    .write = write,
};
