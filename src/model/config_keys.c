/* config_keys.c - see config_keys.h. */
#include "model/config_keys.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* The values of a key that change nothing; null is one of them always. */
enum neutral {
    OFF,           /* false, 0, empty                                            */
    ON,            /* true                                                       */
    ONE,           /* 1                                                          */
    ONE_OR_NONE,   /* 0 or 1: experts                                            */
    HEAD_DIM,      /* the scale of scores is its inverse root                    */
    ATTENTION,     /* that inverse root itself                                   */
    ROOT_OF_DEPTH, /* residual branches are scaled by it over the root of layers */
    WIDTH,         /* logits are divided by hidden_size over it                  */
    THETA,         /* the base of the rotation, under another name               */
    INTERLEAVED,   /* which channels turn together                               */
    QK_NORM,       /* norms of queries and keys                                  */
    SILU,
    ROTARY,
    ALL_LAYERS, /* layer_types: all full_attention; no_rope_layers: all 1     */
    NO_WINDOW,  /* none, or one as long as the context                        */
};

static const struct {
    const char *key;
    enum neutral neutral;
} KEYS[] = {
    /* scales of scores, branches, embedding and logits: Granite, Cohere, MiniCPM, Gemma, Grok, Falcon-H1, Phi */
    {"attention_multiplier", ATTENTION},
    {"attention_softmax_scale", ATTENTION},
    {"softmax_scale", ATTENTION},
    {"query_pre_attn_scalar", HEAD_DIM},
    {"key_multiplier", ONE},
    {"attention_in_multiplier", ONE},
    {"attention_out_multiplier", ONE},
    {"attn_output_multiplier", ONE},
    {"scale_attn_weights", ON},
    {"scale_attn_by_inverse_layer_idx", OFF},
    {"residual_multiplier", ONE},
    {"residual_scale", ONE},
    {"scale_depth", ROOT_OF_DEPTH},
    {"mlp_multipliers", OFF},
    {"embedding_multiplier", ONE},
    {"embedding_multiplier_scale", ONE},
    {"embedding_scale", ONE},
    {"scale_emb", ONE},
    {"scale_embedding", OFF},
    {"scale_embeddings", OFF},
    {"normalize_embedding", OFF},
    {"logits_scaling", ONE},
    {"logit_scale", ONE},
    {"lm_head_multiplier", ONE},
    {"output_multiplier_scale", ONE},
    {"dim_model_base", WIDTH},
    {"mup", OFF},
    {"use_mup", OFF},
    {"muP", OFF},
    {"zero_centered_gamma", OFF},
    {"add_unit_offset", OFF},
    /* caps and clips */
    {"attn_logit_softcapping", OFF},
    {"attn_logit_softcap", OFF},
    {"final_logit_softcapping", OFF},
    {"final_logit_softcap", OFF},
    {"logits_soft_cap", OFF},
    {"clip_qkv", OFF},
    /* routes, other blocks */
    {"num_experts", ONE_OR_NONE},
    {"num_local_experts", ONE_OR_NONE},
    {"n_routed_experts", ONE_OR_NONE},
    {"moe_num_experts", ONE_OR_NONE},
    {"num_kv_shared_layers", OFF},
    {"parallel_residual", OFF},
    {"use_parallel_residual", OFF},
    {"parallel_attn", OFF},
    {"post_norm", OFF},
    {"use_post_norm", OFF},
    {"apply_residual_connection_post_layernorm", OFF},
    {"qk_norm", QK_NORM},
    {"use_qk_norm", QK_NORM},
    {"qk_layernorm", QK_NORM},
    {"use_qk_layernorm", QK_NORM},
    {"qk_layer_norms", QK_NORM},
    {"hidden_activation", SILU},
    {"activation_function", SILU},
    /* which keys are seen */
    {"is_causal", ON},
    {"use_bidirectional_attention", OFF},
    {"add_cross_attention", OFF},
    {"is_encoder_decoder", OFF},
    {"use_sliding_window", OFF},
    {"sliding_window", NO_WINDOW},
    {"sliding_window_size", NO_WINDOW},
    {"attention_window_size", NO_WINDOW},
    {"attention_chunk_size", NO_WINDOW},
    {"layer_types", ALL_LAYERS},
    /* positions */
    {"partial_rotary_factor", ONE},
    {"rotary_pct", ONE},
    {"rope_pct", ONE},
    {"rope_ratio", ONE},
    {"rotary_dim", HEAD_DIM},
    {"rotary_emb_base", THETA},
    {"rope_local_base_freq", THETA},
    {"rope_interleave", INTERLEAVED},
    {"no_rope_layers", ALL_LAYERS},
    {"no_rope_layer_interval", OFF},
    {"position_embedding_type", ROTARY},
    {"alibi", OFF},
    {"use_alibi", OFF},
    {"use_dynamic_ntk", OFF},
    {"use_logn_attn", OFF},
    {"use_mrope", OFF},
    {"attn_temperature_tuning", OFF},
    /* weights that are not what they say */
    {"quantization_config", OFF},
    {"compression_config", OFF},
};
enum { N_KEYS = sizeof KEYS / sizeof *KEYS };

static bool off(const cJSON *value)
{
    return cJSON_IsFalse(value) || (cJSON_IsNumber(value) && value->valuedouble == 0) ||
           (cJSON_IsString(value) && *value->valuestring == '\0') ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) && value->child == NULL);
}

static bool is_number(const cJSON *value, double x)
{
    return cJSON_IsNumber(value) && fabs(value->valuedouble - x) <= 1e-6 * fabs(x);
}

static bool is_one_of(const cJSON *value, const char *a, const char *b)
{
    return cJSON_IsString(value) && (strcasecmp(value->valuestring, a) == 0 || strcasecmp(value->valuestring, b) == 0);
}

static bool all_layers(const cJSON *list)
{
    const cJSON *item;
    bool all = cJSON_IsArray(list);
    cJSON_ArrayForEach(item, list)
    {
        all = all && (is_number(item, 1) || cJSON_IsTrue(item) || is_one_of(item, "full_attention", "attention"));
    }
    return all;
}

static bool no_window(const struct config *c, const cJSON *json, const cJSON *value)
{
    return cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "use_sliding_window")) ||
           (cJSON_IsNumber(value) && (value->valuedouble <= 0 || value->valuedouble >= (double)c->context));
}

static bool changes_nothing(enum neutral neutral, const struct config *c, const cJSON *json, const cJSON *value)
{
    switch (neutral) {
    case OFF:
        return off(value);
    case ON:
        return cJSON_IsTrue(value);
    case ONE:
        return is_number(value, 1);
    case ONE_OR_NONE:
        return off(value) || is_number(value, 1);
    case HEAD_DIM:
        return is_number(value, (double)c->head_dim);
    case ATTENTION:
        return is_number(value, 1 / sqrt((double)c->head_dim));
    case ROOT_OF_DEPTH:
        return is_number(value, sqrt((double)c->n_layers));
    case WIDTH:
        return is_number(value, (double)c->d_model);
    case THETA:
        return is_number(value, c->rope.theta);
    case INTERLEAVED:
        return cJSON_IsBool(value) && cJSON_IsTrue(value) == c->rope.interleaved;
    case QK_NORM:
        return cJSON_IsBool(value) && cJSON_IsTrue(value) == c->qk_norm;
    case SILU:
        return config_has_polynorm(c) || is_one_of(value, "silu", "swish");
    case ROTARY:
        return is_one_of(value, "rope", "rotary");
    case ALL_LAYERS:
        return all_layers(value);
    case NO_WINDOW:
        return no_window(c, json, value);
    }
    return false;
}

/* What a person may write there instead. */
static void describe(struct text *out, enum neutral neutral, const struct config *c)
{
    static const char *const words[] = {[OFF] = "null",
                                        [ON] = "true",
                                        [ONE] = "1",
                                        [ONE_OR_NONE] = "0",
                                        [SILU] = "silu",
                                        [ROTARY] = "rope",
                                        [ALL_LAYERS] = "every layer alike",
                                        [NO_WINDOW] = "null"};
    double number = neutral == HEAD_DIM        ? (double)c->head_dim
                    : neutral == ATTENTION     ? 1 / sqrt((double)c->head_dim)
                    : neutral == ROOT_OF_DEPTH ? sqrt((double)c->n_layers)
                    : neutral == WIDTH         ? (double)c->d_model
                                               : c->rope.theta;
    bool flag = neutral == INTERLEAVED ? c->rope.interleaved : c->qk_norm;
    if (neutral < sizeof words / sizeof *words && words[neutral] != NULL)
        text_puts(out, words[neutral]);
    else if (neutral == INTERLEAVED || neutral == QK_NORM)
        text_puts(out, flag ? "true" : "false");
    else
        text_printf(out, "%.9g", number);
}

static bool read_by_family(const struct family *family, const char *key)
{
    for (size_t i = 0; family->own_keys != NULL && family->own_keys[i] != NULL; i++)
        if (strcmp(family->own_keys[i], key) == 0)
            return true;
    return false;
}

enum status config_keys_check(const struct config *c, const cJSON *json, const char *path, struct error *err)
{
    struct text neutral = {0};
    enum status status = OK;
    for (size_t i = 0; i < N_KEYS && status == OK; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(json, KEYS[i].key);
        if (value == NULL || cJSON_IsNull(value) || read_by_family(c->family, KEYS[i].key) ||
            changes_nothing(KEYS[i].neutral, c, json, value))
            continue;
        describe(&neutral, KEYS[i].neutral, c);
        status = error_set(err, ERR_INPUT,
                           "%s: key '%s' changes what is computed in a way that is not supported, expected %s or no such key",
                           path, KEYS[i].key, neutral.data);
    }
    for (const cJSON *item = json->child; item != NULL && status == OK; item = item->next)
        if (strncmp(item->string, "mup_", 4) == 0 && !cJSON_IsNull(item) && !off(item) && !is_number(item, 1))
            status = error_set(err, ERR_INPUT,
                               "%s: key '%.60s' changes what is computed in a way that is not supported, expected no such key",
                               path, item->string);
    text_free(&neutral);
    return status;
}
