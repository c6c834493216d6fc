/* config.c - what follows from a config, and the config.json of one; see config.h. */
#include "model/config.h"

#include <math.h>
#include <string.h>

enum status config_get_eps(const cJSON *json, const char *key, float *value, const char *path, struct error *err)
{
    double eps = (double)*value;
    enum status status = json_get_double(json, key, 1e-30, 1, true, &eps, path, err);
    *value = (float)eps;
    return status;
}

enum status config_set_head_dim(struct config *c, size_t n_heads, size_t head_dim, const char *path, struct error *err)
{
    if (head_dim == 0 && c->d_model % n_heads != 0)
        return error_set(err, ERR_INPUT,
                         "%s: key 'num_attention_heads' means %zu query heads, expected a divisor of hidden_size = %zu", path,
                         n_heads, c->d_model);
    c->head_dim = head_dim ? head_dim : c->d_model / n_heads;
    if (c->head_dim % 2 != 0)
        return error_set(err, ERR_INPUT, "%s: key 'head_dim' is %zu, expected an even width", path, c->head_dim);
    return OK;
}

cJSON *config_to_json(const struct config *c)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "architectures", cJSON_CreateStringArray(&c->family->architecture, 1));
    cJSON_AddStringToObject(json, "model_type", c->family->model_type);
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"hidden_size", (double)c->d_model},         {"num_hidden_layers", (double)c->n_layers},
                   {"num_attention_heads", (double)c->n_heads}, {"num_key_value_heads", (double)c->n_v_heads},
                   {"head_dim", (double)c->head_dim},           {"intermediate_size", (double)c->d_ff},
                   {"vocab_size", (double)c->vocab_size},       {"max_position_embeddings", (double)c->context},
                   {"rms_norm_eps", (double)c->norm_eps}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_add_number(json, numbers[i].key, numbers[i].value);
    rope_to_json(json, &c->rope);
    cJSON_AddStringToObject(json, "hidden_act", c->family->activation ? c->family->activation : "silu");
    cJSON_AddBoolToObject(json, "tie_word_embeddings", c->tied);
    cJSON_AddBoolToObject(json, "attention_bias", c->qkv_bias);
    cJSON_AddBoolToObject(json, "mlp_bias", c->mlp_bias);
    if (c->bos >= 0)
        cJSON_AddNumberToObject(json, "bos_token_id", c->bos);
    if (c->n_eos == 1)
        cJSON_AddNumberToObject(json, "eos_token_id", c->eos[0]);
    else if (c->n_eos > 1)
        cJSON_AddItemToObject(json, "eos_token_id", cJSON_CreateIntArray(c->eos, (int)c->n_eos));
    cJSON_AddStringToObject(json, "torch_dtype", "bfloat16");
    if (c->family->write != NULL)
        c->family->write(json, c);
    return json;
}

double config_lambda_init(const struct config *c, size_t layer)
{
    return c->lambda_init >= 0 ? c->lambda_init : 0.8 - 0.6 * exp(-0.3 * ((double)layer + c->lambda_first_layer));
}

bool config_has_polynorm(const struct config *c)
{
    return c->family->activation != NULL;
}

void config_mark(uint64_t layers[LAYER_WORDS], size_t layer)
{
    layers[layer / 64] |= (uint64_t)1 << layer % 64;
}

void config_clear(uint64_t layers[LAYER_WORDS])
{
    memset(layers, 0, LAYER_WORDS * sizeof *layers);
}

bool config_marked(const uint64_t layers[LAYER_WORDS], size_t layer)
{
    return layers[layer / 64] >> layer % 64 & 1;
}

bool config_is_end(const struct config *c, int32_t id)
{
    size_t i = 0;
    while (i < c->n_eos && c->eos[i] != id)
        i++;
    return i < c->n_eos;
}

size_t config_window(const struct config *c, size_t layer)
{
    return config_marked(c->windowed, layer) ? c->window : 0;
}

size_t config_output_heads(const struct config *c)
{
    return c->n_noise_heads ? c->n_q_heads - c->n_noise_heads : c->n_q_heads / c->n_maps;
}

enum status config_plan(struct attention_plan *p, const struct config *c, struct error *err)
{
    *p = (struct attention_plan){.n_heads = config_output_heads(c),
                                 .n_maps = c->n_maps,
                                 .n_parts = c->n_parts,
                                 .head_dim = c->head_dim,
                                 .v_dim = c->v_dim,
                                 .n_q_heads = c->n_q_heads,
                                 .n_k_heads = c->n_k_heads,
                                 .n_v_heads = c->n_v_heads};
    if (!attention_plan_alloc(p)) {
        attention_plan_free(p);
        return error_set(err, ERR_SYSTEM, "attention plan: out of memory");
    }
    c->family->plan(p, c);
    attention_plan_group(p);
    return OK;
}
