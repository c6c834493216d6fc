/* family_diffllama.c - DiffLlama of the transformers library.
 *
 * H counts query heads.  Output head i pairs query heads i and i + H/2, each with the
 * key head of its own group; its value is the two groups' value heads side by side.
 * RMSNorm over each output head without a scale. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    (void)json;
    if (n_heads % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'num_attention_heads' is %zu, expected an even number", path, n_heads);
    enum status status = config_set_head_dim(c, n_heads, head_dim, path, err);
    if (status != OK)
        return status;
    c->n_heads = c->n_q_heads = n_heads;
    c->n_k_heads = c->n_v_heads = n_kv_heads;
    c->v_dim = c->head_dim;
    c->n_maps = c->n_parts = 2;
    c->lambda = LAMBDA_VECTORS;
    c->head_norm = true;
    c->head_norm_eps = c->norm_eps;
    c->mlp_bias = false;
    return json_get_double(json, "lambda_init", 0, 1, true, &c->lambda_init, path, err);
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t repeat = c->n_q_heads / c->n_k_heads;
    for (size_t h = 0; h < p->n_heads; h++)
        for (size_t map = 0; map < 2; map++) {
            size_t q = h + map * p->n_heads;
            p->q_head[2 * h + map] = q;
            p->k_head[2 * h + map] = p->v_head[2 * h + map] = q / repeat;
        }
}

static void write(cJSON *json, const struct config *c)
{
    if (c->lambda_init >= 0)
        json_add_number(json, "lambda_init", c->lambda_init);
}

const struct family FAMILY_DIFFLLAMA = {
    .model_type = "diffllama",
    .architecture = "DiffLlamaForCausalLM",
    .summary = "Diff Transformer: DiffLlama of the transformers library",
    .read = read,
    .plan = plan,
    .write = write,
    .defaults = {.norm_eps = 1e-5},
};
