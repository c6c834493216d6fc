/* family_diff_v2.c - the second version of the Diff Transformer (Microsoft, January 2026).
 *
 * H counts output heads.  Head i has query heads 2i and 2i+1, both on the key and value
 * head of their group; out = A1 V - sigmoid(lam) A2 V with lam a projection of the
 * layer's normed input, one number a token and head; no norm of the head, no factor. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    enum status status = config_set_head_dim(c, n_heads, head_dim, path, err);
    if (status != OK)
        return status;
    c->n_heads = n_heads;
    c->n_q_heads = 2 * n_heads;
    c->n_k_heads = c->n_v_heads = n_kv_heads;
    c->v_dim = c->head_dim;
    c->n_maps = 2;
    c->n_parts = 1;
    c->lambda = LAMBDA_PROJECTION;
    c->rope.interleaved = true;
    return json_get_bool(json, "rope_interleaved", true, &c->rope.interleaved, path, err);
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t repeat = c->n_q_heads / c->n_k_heads;
    for (size_t h = 0; h < p->n_heads; h++) {
        for (size_t map = 0; map < 2; map++) {
            p->q_head[2 * h + map] = 2 * h + map;
            p->k_head[2 * h + map] = 2 * h / repeat;
        }
        p->v_head[h] = 2 * h / repeat;
    }
}

static void write(cJSON *json, const struct config *c)
{
    cJSON_AddBoolToObject(json, "rope_interleaved", c->rope.interleaved);
}

const struct family FAMILY_DIFF_V2 = {
    .model_type = "diff_transformer_v2",
    .architecture = "DiffTransformerV2ForCausalLM",
    .summary = "Diff Transformer: the second version (V2)",
    .read = read,
    .plan = plan,
    .write = write,
};
