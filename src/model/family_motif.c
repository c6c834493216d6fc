/* family_motif.c - the Motif models (Motif Technologies 2025): the paper's architecture with half rotation and PolyNorm,
 * lambda_init counted from one layer earlier.
 *
 * Grouped differential attention (Lim et al. 2025, arXiv 2510.06949; Motif-2-12.7B) lets `num_noise_heads` = N second maps serve
 * the H - N output heads, g = (H - N) / N each.  Query heads come in groups of g signal heads and their noise head; key and value
 * heads in pairs, each pair for N / (KV / 2) groups in turn.  A group's signal heads read the pair's first key head, its noise
 * head the second; the value is the pair side by side.  Motif-2.6B is the case g = 1. */
#include "model/config.h"

static enum status read_noise_heads(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, const char *path,
                                    struct error *err)
{
    int64_t noise = 0, k_ratio = 1; /* noise 0: not given, a noise head for each signal head */
    if (n_kv_heads % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'num_key_value_heads' is %zu, expected an even number", path, n_kv_heads);
    enum status status = json_get_int(json, "num_noise_heads", 1, (int64_t)n_heads, true, &noise, path, err);
    if (status == OK)
        status = json_get_int(json, "k_ratio", 1, 1, true, &k_ratio, path, err);
    if (status != OK)
        return status;
    if (noise == 0 && n_heads % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'num_attention_heads' is %zu, expected an even number", path, n_heads);
    size_t n = noise ? (size_t)noise : n_heads / 2;
    if (n == n_heads || n_heads % n != 0 || n % (n_kv_heads / 2) != 0)
        return error_set(
            err, ERR_INPUT,
            "%s: key 'num_noise_heads' is %zu, expected a divisor of num_attention_heads = %zu below it and a multiple "
            "of num_key_value_heads / 2 = %zu",
            path, n, n_heads, n_kv_heads / 2);
    c->n_noise_heads = n;
    return OK;
}

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    bool bias = false, window = false;
    enum status status = read_noise_heads(c, json, n_heads, n_kv_heads, path, err);
    if (status == OK)
        status = config_set_head_dim(c, n_heads, head_dim, path, err);
    if (status != OK)
        return status;
    c->n_heads = c->n_q_heads = n_heads;
    c->n_k_heads = c->n_v_heads = n_kv_heads;
    c->v_dim = c->head_dim;
    c->n_maps = c->n_parts = 2;
    c->lambda = LAMBDA_VECTORS;
    c->lambda_first_layer = -1;
    c->head_norm = c->head_norm_scaled = true;
    c->head_norm_eps = 1e-5f;
    status = config_get_eps(json, "attn_rms_norm_eps", &c->head_norm_eps, path, err);
    if (status == OK)
        status = json_get_double(json, "lambda_init", 0, 1, true, &c->lambda_init, path, err);
    if (status == OK)
        status = json_get_bool(json, "use_bias", true, &bias, path, err);
    if (status == OK)
        status = json_get_bool(json, "use_sliding_window", true, &window, path, err);
    if (status == OK && window)
        status =
            error_set(err, ERR_INPUT, "%s: key 'use_sliding_window' is true, expected false: Motif is run without windows", path);
    c->qkv_bias = c->o_bias = c->mlp_bias = bias;
    return status;
}

static void plan(struct attention_plan *p, const struct config *c)
{
    size_t signal = p->n_heads / c->n_noise_heads, repeat = c->n_noise_heads / (c->n_k_heads / 2);
    for (size_t h = 0; h < p->n_heads; h++) {
        size_t group = h / signal, first = group * (signal + 1), pair = group / repeat;
        p->q_head[2 * h] = first + h % signal;
        p->q_head[2 * h + 1] = first + signal;
        for (size_t i = 0; i < 2; i++)
            p->k_head[2 * h + i] = p->v_head[2 * h + i] = 2 * pair + i;
    }
}

static void write(cJSON *json, const struct config *c)
{
    if (2 * c->n_noise_heads != c->n_q_heads)
        json_add_number(json, "num_noise_heads", (double)c->n_noise_heads);
    json_add_number(json, "attn_rms_norm_eps", (double)c->head_norm_eps);
    cJSON_AddBoolToObject(json, "use_bias", c->qkv_bias);
}

const struct family FAMILY_MOTIF = {
    .model_type = "Motif",
    .architecture = "MotifForCausalLM",
    .summary = "Diff Transformer: Motif-2.6B, and the grouped attention of Motif-2-12.7B",
    .activation = "poly_norm",
    .read = read,
    .plan = plan,
    .write = write,
};
