/* family_motif.c - Motif-2.6B (Motif Technologies 2025): the paper's architecture with half rotation and PolyNorm.
 *
 * H counts query heads.  Pair i has query heads 2i and 2i+1 on key heads 2(i/r) and 2(i/r)+1, r = H / KV; its value is
 * the two value heads of the same numbers side by side.  lambda_init counts layers from one less than the paper. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    bool bias = false;
    double eps = 1e-5;
    if (n_heads % 2 != 0 || n_kv_heads % 2 != 0)
        return error_set(err, ERR_INPUT,
                         "%s: keys 'num_attention_heads' and 'num_key_value_heads' are %zu and %zu, expected even numbers", path,
                         n_heads, n_kv_heads);
    enum status status = config_set_head_dim(c, n_heads, head_dim, path, err);
    if (status != OK)
        return status;
    c->n_heads = c->n_q_heads = n_heads;
    c->n_k_heads = c->n_v_heads = n_kv_heads;
    c->v_dim = c->head_dim;
    c->n_maps = c->n_parts = 2;
    c->lambda = LAMBDA_VECTORS;
    c->lambda_first_layer = -1;
    c->head_norm = c->head_norm_scaled = true;
    status = json_get_double(json, "attn_rms_norm_eps", 0, 1, true, &eps, path, err);
    if (status == OK)
        status = json_get_double(json, "lambda_init", 0, 1, true, &c->lambda_init, path, err);
    if (status == OK)
        status = json_get_bool(json, "use_bias", true, &bias, path, err);
    c->head_norm_eps = (float)eps;
    c->qkv_bias = c->o_bias = c->mlp_bias = bias;
    return status;
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t repeat = c->n_q_heads / c->n_k_heads;
    for (size_t h = 0; h < p->n_heads; h++)
        for (size_t map = 0; map < 2; map++) {
            p->q_head[2 * h + map] = 2 * h + map;
            p->k_head[2 * h + map] = p->v_head[2 * h + map] = 2 * (h / repeat) + map;
        }
}

static void write(cJSON *json, const struct config *c)
{
    json_add_number(json, "attn_rms_norm_eps", (double)c->head_norm_eps);
    cJSON_AddBoolToObject(json, "use_bias", c->qkv_bias);
}

const struct family FAMILY_MOTIF = {
    .model_type = "Motif",
    .architecture = "MotifForCausalLM",
    .summary = "Diff Transformer: Motif-2.6B",
    .activation = "poly_norm",
    .read = read,
    .plan = plan,
    .write = write,
};
