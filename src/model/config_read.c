/* config_read.c - config.json to struct config, by its family; see config.h. */
#include "model/config.h"
#include "model/config_keys.h"

#include <string.h>
#include <strings.h>

/* Beyond every published model; they keep products of sizes far from overflow. */
enum { MAX_SIZE = 1 << 24, MAX_HEADS = 4096 };

const struct family *const FAMILIES[] = {
    &FAMILY_LLAMA,   &FAMILY_MISTRAL, &FAMILY_QWEN2, &FAMILY_QWEN3, &FAMILY_SMOLLM3, &FAMILY_DIFF_TRANSFORMER, &FAMILY_DIFFLLAMA,
    &FAMILY_DIFF_V2, &FAMILY_MOTIF,   &FAMILY_DEX,   NULL};

static enum status find_family(struct config *c, const char *type, const char *path, struct error *err)
{
    struct text known = {0};
    for (size_t i = 0; FAMILIES[i] != NULL; i++) {
        if (strcasecmp(FAMILIES[i]->model_type, type) == 0) /* Motif's own files are not of one mind about the capital */
            c->family = FAMILIES[i];
        text_printf(&known, "%s%s", i ? ", " : "", FAMILIES[i]->model_type);
    }
    enum status status = OK;
    if (c->family == NULL)
        status =
            error_set(err, ERR_INPUT, "%s: key 'model_type': '%.40s' is not known, expected one of: %s", path, type, known.data);
    text_free(&known);
    return status;
}

static enum status get_size(const cJSON *json, const char *key, bool optional, size_t *value, const char *path, struct error *err)
{
    int64_t x = (int64_t)*value;
    enum status status = json_get_int(json, key, 1, MAX_SIZE, optional, &x, path, err);
    *value = (size_t)x;
    return status;
}

static enum status read_token_ids(struct config *c, const cJSON *json, const char *path, struct error *err)
{
    int64_t bos = -1;
    enum status status = json_get_int(json, "bos_token_id", 0, MAX_SIZE, true, &bos, path, err);
    c->bos = (int32_t)bos;
    const cJSON *eos = cJSON_GetObjectItemCaseSensitive(json, "eos_token_id");
    if (status != OK || eos == NULL || cJSON_IsNull(eos))
        return status;
    bool list = cJSON_IsArray(eos);
    for (const cJSON *e = list ? eos->child : eos; e != NULL; e = list ? e->next : NULL) {
        if (!cJSON_IsNumber(e) || e->valuedouble < 0 || e->valuedouble > MAX_SIZE || c->n_eos == MAX_EOS)
            return error_set(err, ERR_INPUT, "%s: key 'eos_token_id' is wrong, expected a token id or a list of at most %d", path,
                             MAX_EOS);
        c->eos[c->n_eos++] = (int32_t)e->valuedouble;
    }
    return OK;
}

/* H and KV. A missing KV is the family's; null means as many as H. */
static enum status read_heads(size_t *n_heads, size_t *n_kv_heads, const struct config *c, const cJSON *json, const char *path,
                              struct error *err)
{
    bool given = cJSON_GetObjectItemCaseSensitive(json, "num_key_value_heads") != NULL;
    enum status status = get_size(json, "num_attention_heads", false, n_heads, path, err);
    if (status == OK && *n_heads > MAX_HEADS)
        status =
            error_set(err, ERR_INPUT, "%s: key 'num_attention_heads' is too large, expected at most %d", path, (int)MAX_HEADS);
    *n_kv_heads = c->family->defaults.n_kv_heads && !given ? c->family->defaults.n_kv_heads : *n_heads;
    return status == OK ? get_size(json, "num_key_value_heads", true, n_kv_heads, path, err) : status;
}

static enum status check_activation(const struct config *c, const cJSON *json, const char *path, struct error *err)
{
    const char *given = NULL, *wanted = c->family->activation ? c->family->activation : "silu";
    enum status status = json_get_string(json, "hidden_act", true, &given, path, err);
    if (status != OK || given == NULL || strcmp(given, wanted) == 0 ||
        (c->family->activation == NULL && strcmp(given, "swish") == 0))
        return status;
    return error_set(err, ERR_INPUT, "%s: key 'hidden_act': '%.40s' is not supported, expected %s", path, given, wanted);
}

/* What the families have in common. */
static enum status read_common(struct config *c, const cJSON *json, size_t *head_dim, const char *path, struct error *err)
{
    enum status status = OK;
    const struct {
        const char *key;
        size_t *value;
        bool optional;
    } sizes[] = {{"hidden_size", &c->d_model, false},
                 {"num_hidden_layers", &c->n_layers, false},
                 {"intermediate_size", &c->d_ff, false},
                 {"vocab_size", &c->vocab_size, false},
                 {"max_position_embeddings", &c->context, true},
                 {"head_dim", head_dim, true}};
    const struct {
        const char *key;
        bool *value;
    } flags[] = {{"tie_word_embeddings", &c->tied}, {"attention_bias", &c->qkv_bias}, {"mlp_bias", &c->mlp_bias}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && status == OK; i++)
        status = get_size(json, sizes[i].key, sizes[i].optional, sizes[i].value, path, err);
    if (status == OK && c->n_layers > MAX_LAYERS)
        status = error_set(err, ERR_INPUT, "%s: key 'num_hidden_layers' is too large, expected at most %d", path, MAX_LAYERS);
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == OK; i++)
        status = json_get_bool(json, flags[i].key, true, flags[i].value, path, err);
    c->o_bias = c->qkv_bias;
    if (status == OK)
        status = config_get_eps(json, "rms_norm_eps", &c->norm_eps, path, err);
    if (status == OK)
        status = check_activation(c, json, path, err);
    if (status == OK)
        status =
            rope_from_json(&c->rope, json, c->family->defaults.theta ? c->family->defaults.theta : 10000, c->context, path, err);
    return status == OK ? read_token_ids(c, json, path, err) : status;
}

enum status config_from_json(struct config *c, const cJSON *json, const char *path, struct error *err)
{
    *c = (struct config){.lambda_init = -1};
    const char *type = NULL;
    size_t n_heads = 0, n_kv_heads = 0, head_dim = 0;
    enum status status = json_get_string(json, "model_type", false, &type, path, err);
    if (status == OK)
        status = find_family(c, type, path, err);
    if (status != OK)
        return status;
    c->context = c->family->defaults.context ? c->family->defaults.context : 2048;
    c->norm_eps = c->family->defaults.norm_eps > 0 ? (float)c->family->defaults.norm_eps : 1e-6f;
    c->tied = c->family->defaults.tied;
    status = read_common(c, json, &head_dim, path, err);
    if (status == OK)
        status = read_heads(&n_heads, &n_kv_heads, c, json, path, err);
    if (status == OK)
        status = c->family->read(c, json, n_heads, n_kv_heads, head_dim, path, err);
    if (status == OK && c->n_noise_heads == 0 && n_heads % n_kv_heads != 0)
        status =
            error_set(err, ERR_INPUT, "%s: key 'num_key_value_heads' is %zu, expected a divisor of num_attention_heads = %zu",
                      path, n_kv_heads, n_heads);
    return status == OK ? config_keys_check(c, json, path, err) : status;
}
