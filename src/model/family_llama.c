/* family_llama.c - Llama and its relatives: one softmax map a head, grouped queries, rotation by halves. */
#include "model/config.h"

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    (void)json;
    if (head_dim == 0 && c->d_model % n_heads != 0)
        return error_set(err, ERR_INPUT, "%s: key 'num_attention_heads' is %zu, expected a divisor of hidden_size = %zu", path,
                         n_heads, c->d_model);
    c->head_dim = head_dim ? head_dim : c->d_model / n_heads;
    if (c->head_dim % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'head_dim' is %zu, expected an even width", path, c->head_dim);
    c->n_heads = c->n_q_heads = n_heads;
    c->n_k_heads = c->n_v_heads = n_kv_heads;
    c->v_dim = c->head_dim;
    c->n_maps = c->n_parts = 1;
    return OK;
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t repeat = c->n_q_heads / c->n_k_heads;
    for (size_t h = 0; h < p->n_heads; h++) {
        p->q_head[h] = h;
        p->k_head[h] = p->v_head[h] = h / repeat;
    }
}

const struct family FAMILY_LLAMA = {
    .model_type = "llama",
    .architecture = "LlamaForCausalLM",
    .summary = "Transformer: Llama and its relatives",
    .read = read,
    .plan = plan,
};
