/* family_llama.c - Llama and its relatives: one softmax map a head, grouped queries, rotation by halves.
 *
 * Relatives differ in biases, norms of queries and keys, and which layers see a window or turn: each is a row below. */
#include "model/config.h"

#include <string.h>

static enum status read(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim, const char *path,
                        struct error *err)
{
    (void)json;
    enum status status = config_set_head_dim(c, n_heads, head_dim, path, err);
    if (status != OK)
        return status;
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

/* `layer_types` of newer files: one name a layer. */
static enum status read_layer_types(struct config *c, const cJSON *types, const char *path, struct error *err)
{
    const cJSON *type;
    size_t l = 0;
    config_clear(c->windowed);
    if ((size_t)cJSON_GetArraySize(types) != c->n_layers)
        return error_set(err, ERR_INPUT, "%s: key 'layer_types' has %d entries, expected num_hidden_layers = %zu", path,
                         cJSON_GetArraySize(types), c->n_layers);
    cJSON_ArrayForEach(type, types)
    {
        const char *name = cJSON_IsString(type) ? type->valuestring : "";
        bool sliding = strcmp(name, "sliding_attention") == 0;
        if (sliding && c->window > 0)
            config_mark(c->windowed, l);
        else if (sliding || strcmp(name, "full_attention") != 0)
            return error_set(err, ERR_INPUT, "%s: key 'layer_types' holds '%.40s', expected full_attention%s", path, name,
                             c->window > 0 ? " or sliding_attention" : ": no window is used");
        l++;
    }
    return OK;
}

/* The window of the layers that are marked already, unless layer_types names others; `window` 0: none by default. */
static enum status read_window(struct config *c, const cJSON *json, bool used, int64_t window, const char *path,
                               struct error *err)
{
    const cJSON *types = cJSON_GetObjectItemCaseSensitive(json, "layer_types");
    enum status status = OK;
    if (used && !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "sliding_window"))) {
        status = json_get_int(json, "sliding_window", 1, 1 << 24, true, &window, path, err);
        c->window = (size_t)window;
    }
    if (c->window == 0)
        config_clear(c->windowed);
    return status == OK && types != NULL && !cJSON_IsNull(types) ? read_layer_types(c, types, path, err) : status;
}

static enum status read_mistral(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim,
                                const char *path, struct error *err)
{
    enum status status = read(c, json, n_heads, n_kv_heads, head_dim, path, err);
    c->qkv_bias = c->o_bias = c->mlp_bias = false;
    for (size_t l = 0; l < c->n_layers; l++)
        config_mark(c->windowed, l);
    return status == OK ? read_window(c, json, true, 4096, path, err) : status;
}

/* Qwen2 and 3: the window is off unless use_sliding_window, and then begins at a layer. */
static enum status read_late_window(struct config *c, const cJSON *json, const char *path, struct error *err)
{
    bool used = false;
    int64_t first = 28;
    enum status status = json_get_bool(json, "use_sliding_window", true, &used, path, err);
    if (status == OK)
        status = json_get_int(json, "max_window_layers", 0, 1 << 20, true, &first, path, err);
    for (size_t l = (size_t)first; l < c->n_layers; l++)
        config_mark(c->windowed, l);
    return status == OK ? read_window(c, json, used, 4096, path, err) : status;
}

static enum status read_qwen2(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim,
                              const char *path, struct error *err)
{
    enum status status = read(c, json, n_heads, n_kv_heads, head_dim, path, err);
    c->qkv_bias = true;
    c->o_bias = c->mlp_bias = false;
    return status == OK ? read_late_window(c, json, path, err) : status;
}

static enum status read_qwen3(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim,
                              const char *path, struct error *err)
{
    enum { HEAD_DIM = 128 }; /* what a file without the key means */
    enum status status = read(c, json, n_heads, n_kv_heads, head_dim ? head_dim : HEAD_DIM, path, err);
    c->qk_norm = true;
    c->mlp_bias = false;
    return status == OK ? read_late_window(c, json, path, err) : status;
}

/* SmolLM3's layers that do not turn: every fourth, unless no_rope_layers (1: it turns) says which. */
static enum status read_unturned(struct config *c, const cJSON *json, const char *path, struct error *err)
{
    const cJSON *turns = cJSON_GetObjectItemCaseSensitive(json, "no_rope_layers");
    bool listed = turns != NULL && !cJSON_IsNull(turns);
    int64_t interval = 4;
    enum status status = json_get_int(json, "no_rope_layer_interval", 1, 1 << 20, true, &interval, path, err);
    if (status == OK && listed && (!cJSON_IsArray(turns) || (size_t)cJSON_GetArraySize(turns) < c->n_layers))
        status = error_set(err, ERR_INPUT, "%s: key 'no_rope_layers' has %d entries, expected num_hidden_layers = %zu", path,
                           cJSON_GetArraySize(turns), c->n_layers);
    const cJSON *entry = listed ? turns->child : NULL;
    for (size_t l = 0; l < c->n_layers && status == OK; l++, entry = entry ? entry->next : NULL) {
        if (listed && !cJSON_IsNumber(entry) && !cJSON_IsBool(entry))
            status = error_set(err, ERR_INPUT, "%s: key 'no_rope_layers' is wrong at %zu, expected 0 or 1", path, l);
        else if (listed ? entry->valueint == 0 : (l + 1) % (size_t)interval == 0)
            config_mark(c->unturned, l);
    }
    return status;
}

/* SmolLM3: a window, where there is one, is for the layers that do not turn. */
static enum status read_smollm3(struct config *c, const cJSON *json, size_t n_heads, size_t n_kv_heads, size_t head_dim,
                                const char *path, struct error *err)
{
    bool used = false;
    enum status status = read(c, json, n_heads, n_kv_heads, head_dim, path, err);
    if (status == OK)
        status = read_unturned(c, json, path, err);
    if (status == OK)
        status = json_get_bool(json, "use_sliding_window", true, &used, path, err);
    for (size_t l = 0; l < c->n_layers; l++)
        if (config_marked(c->unturned, l))
            config_mark(c->windowed, l);
    return status == OK ? read_window(c, json, used, 0, path, err) : status;
}

/* Only models without a window are made here (gradient.c). */
static void write_no_window(cJSON *json, const struct config *c)
{
    (void)c;
    cJSON_AddNullToObject(json, "sliding_window");
}

/* Of config_keys.c. Mistral's window needs no use_sliding_window. */
static const char *const WINDOW_KEYS[] = {"use_sliding_window", "sliding_window", "layer_types", NULL};
static const char *const SMOLLM3_KEYS[] = {"use_sliding_window", "sliding_window",         "layer_types",
                                           "no_rope_layers",     "no_rope_layer_interval", NULL};

const struct family FAMILY_LLAMA = {
    .model_type = "llama",
    .architecture = "LlamaForCausalLM",
    .summary = "Transformer: Llama and its relatives (SmolLM, TinyLlama, ..)",
    .read = read,
    .plan = plan,
};
const struct family FAMILY_MISTRAL = {
    .model_type = "mistral",
    .architecture = "MistralForCausalLM",
    .summary = "Transformer: Mistral, with a sliding window",
    .own_keys = WINDOW_KEYS,
    .read = read_mistral,
    .plan = plan,
    .defaults = {.n_kv_heads = 8, .context = 131072},
    .write = write_no_window,
};
const struct family FAMILY_QWEN2 = {
    .model_type = "qwen2",
    .architecture = "Qwen2ForCausalLM",
    .summary = "Transformer: Qwen2 and Qwen2.5, biases of queries, keys and values",
    .own_keys = WINDOW_KEYS,
    .read = read_qwen2,
    .plan = plan,
    .defaults = {.n_kv_heads = 32, .context = 32768},
    .write = write_no_window,
};
const struct family FAMILY_QWEN3 = {
    .model_type = "qwen3",
    .architecture = "Qwen3ForCausalLM",
    .summary = "Transformer: Qwen3, norms of queries and keys",
    .own_keys = WINDOW_KEYS,
    .read = read_qwen3,
    .plan = plan,
    .defaults = {.n_kv_heads = 32, .context = 32768},
};
const struct family FAMILY_SMOLLM3 = {
    .model_type = "smollm3",
    .architecture = "SmolLM3ForCausalLM",
    .summary = "Transformer: SmolLM3, some layers without rotation",
    .own_keys = SMOLLM3_KEYS,
    .read = read_smollm3,
    .plan = plan,
    .defaults = {.n_kv_heads = 4, .context = 32768, .theta = 2e6, .tied = true},
};
