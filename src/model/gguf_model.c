/* gguf_model.c - see gguf_model.h. */
#include "model/gguf_model.h"

#include "model/rope.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Architectures, and whether their rotation turns neighbours: llama.cpp reorders the rows of queries and keys of these. */
static const struct {
    const char *name, *model_type;
    bool interleaved;
} ARCHITECTURES[] = {
    {"llama", "llama", true}, /* Mistral's, too */
    {"qwen2", "qwen2", false},
    {"qwen3", "qwen3", false},
    {"smollm3", "smollm3", true}, /* every fourth layer does not turn, in llama.cpp always */
};
enum { N_ARCHITECTURES = sizeof ARCHITECTURES / sizeof *ARCHITECTURES };

/* Beginnings of tensor names; those of a layer follow "blk.N." and "model.layers.N.". */
static const struct {
    const char *from, *to;
} NAMES[] = {{"attn_norm.", "input_layernorm."},    {"attn_q_norm.", "self_attn.q_norm."},
             {"attn_k_norm.", "self_attn.k_norm."}, {"attn_q.", "self_attn.q_proj."},
             {"attn_k.", "self_attn.k_proj."},      {"attn_v.", "self_attn.v_proj."},
             {"attn_output.", "self_attn.o_proj."}, {"ffn_norm.", "post_attention_layernorm."},
             {"ffn_gate.", "mlp.gate_proj."},       {"ffn_up.", "mlp.up_proj."},
             {"ffn_down.", "mlp.down_proj."}},
  WHOLE[] = {{"token_embd.", "model.embed_tokens."}, {"output_norm.", "model.norm."}, {"output.", "lm_head."}};

/* The name in the transformers library, in fresh memory; unknown ones stay. */
static char *rename_tensor(const char *name)
{
    struct text out = {0};
    size_t layer = strncmp(name, "blk.", 4) == 0 ? 4 + strspn(name + 4, "0123456789") : 0;
    if (layer > 4 && name[layer] == '.') {
        const char *rest = name + layer + 1;
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
            if (strncmp(rest, NAMES[i].from, strlen(NAMES[i].from)) == 0)
                text_printf(&out, "model.layers.%.*s.%s%s", (int)(layer - 4), name + 4, NAMES[i].to,
                            rest + strlen(NAMES[i].from));
    }
    for (size_t i = 0; i < sizeof WHOLE / sizeof *WHOLE; i++)
        if (strncmp(name, WHOLE[i].from, strlen(WHOLE[i].from)) == 0)
            text_printf(&out, "%s%s", WHOLE[i].to, name + strlen(WHOLE[i].from));
    if (out.data == NULL)
        text_puts(&out, name);
    return out.data;
}

/* The value of the architecture's own key, or NULL; of an array, one number a layer, the first: right only when they agree, which
 * a shape tells. */
static const cJSON *find(const cJSON *metadata, const char *architecture, const char *name)
{
    char key[160];
    snprintf(key, sizeof key, "%.60s.%s", architecture, name);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(metadata, key);
    return cJSON_IsArray(value) ? value->child : value;
}

static double number(const cJSON *metadata, const char *architecture, const char *name, double otherwise)
{
    const cJSON *value = find(metadata, architecture, name);
    return cJSON_IsNumber(value) ? value->valuedouble : otherwise;
}

static void copy(cJSON *config, const char *to, const cJSON *metadata, const char *architecture, const char *from)
{
    const cJSON *value = find(metadata, architecture, from);
    if (value != NULL)
        cJSON_AddItemToObject(config, to, cJSON_Duplicate(value, false));
}

static enum status refuse(const char *path, const char *architecture, const char *name, const char *expected, struct error *err)
{
    return error_set(err, ERR_INPUT, "%s: key '%s.%s' changes what is computed in a way that is not supported, expected %s", path,
                     architecture, name, expected);
}

/* What a key of an architecture may be. Those under "attention." and "rope." that are not listed must be OFF; others are no
 * numbers of the computation. */
enum allowed { ANY, OFF, ONE, TRUE, NO_WINDOW };
static const struct {
    const char *name;
    enum allowed allowed;
} KEYS[] = {
    {"attention.head_count", ANY},
    {"attention.head_count_kv", ANY},
    {"attention.key_length", ANY},
    {"attention.value_length", ANY},
    {"attention.layer_norm_epsilon", ANY}, /* of architectures with LayerNorm */
    {"attention.layer_norm_rms_epsilon", ANY},
    {"attention.causal", TRUE},
    {"attention.sliding_window", NO_WINDOW},
    {"rope.dimension_count", ANY},
    {"rope.freq_base", ANY},
    {"rope.scale_linear", ANY},
    {"rope.scaling.type", ANY},
    {"rope.scaling.factor", ANY},
    {"rope.scaling.finetuned", ANY},
    {"rope.scaling.original_context_length", ANY},
    {"rope.scaling.attn_factor", ANY},
    {"rope.scaling.yarn_beta_fast", ANY},
    {"rope.scaling.yarn_beta_slow", ANY},
    {"rope.scaling.yarn_ext_factor", ANY},
    {"rope.scaling.yarn_attn_factor", ONE},
    {"attn_logit_softcapping", OFF},
    {"final_logit_softcapping", OFF},
    {"expert_count", OFF},
    {"use_parallel_residual", OFF},
    {"swin_norm", OFF},
    {"logit_scale", ONE},
    {"residual_scale", ONE},
    {"embedding_scale", ONE},
};
enum { N_KEYS = sizeof KEYS / sizeof *KEYS };

static bool allows(enum allowed allowed, const cJSON *value, double context)
{
    double x = cJSON_IsBool(value) ? cJSON_IsTrue(value) : cJSON_IsNumber(value) ? value->valuedouble : -1;
    bool off = x == 0 || (cJSON_IsArray(value) && value->child == NULL);
    switch (allowed) {
    case ANY:
        return true;
    case OFF:
        return off;
    case ONE:
        return off || x == 1;
    case TRUE:
        return x == 1;
    case NO_WINDOW:
        return off || x >= context;
    }
    return false;
}

static enum status check_keys(const cJSON *metadata, const char *architecture, const char *path, struct error *err)
{
    static const char *const expected[] = {
        [OFF] = "0", [ONE] = "1", [TRUE] = "true", [NO_WINDOW] = "no window within the context"};
    double context = number(metadata, architecture, "context_length", 0);
    size_t n = strlen(architecture);
    for (const cJSON *item = metadata->child; item != NULL; item = item->next) {
        if (strncmp(item->string, architecture, n) != 0 || item->string[n] != '.')
            continue;
        const char *name = item->string + n + 1;
        bool part = strncmp(name, "attention.", 10) == 0 || strncmp(name, "rope.", 5) == 0;
        enum allowed allowed = part ? OFF : ANY;
        for (size_t i = 0; i < N_KEYS; i++)
            allowed = strcmp(KEYS[i].name, name) == 0 ? KEYS[i].allowed : allowed;
        if (!allows(allowed, item, context))
            return refuse(path, architecture, name, expected[allowed], err);
    }
    return OK;
}

/* Widths of heads that would leave some channels unturned, or values of another width. */
static enum status check_widths(const cJSON *metadata, const char *architecture, const char *path, struct error *err)
{
    double heads = number(metadata, architecture, "attention.head_count", 0);
    double width = heads > 0 ? floor(number(metadata, architecture, "embedding_length", 0) / heads) : 0;
    width = number(metadata, architecture, "attention.key_length", width);
    if (number(metadata, architecture, "rope.dimension_count", width) != width)
        return refuse(path, architecture, "rope.dimension_count", "the width of a head: all of it turns", err);
    if (number(metadata, architecture, "attention.value_length", width) != width)
        return refuse(path, architecture, "attention.value_length", "the width of a key", err);
    return OK;
}

/* The stretch of positions as llama.cpp reads it: a factor alone is linear, 0 is none, the older key is scale_linear; YaRN's
 * temperature is attn_factor times 0.1 ln(factor) + 1. */
static enum status read_scaling(cJSON *config, const cJSON *metadata, const char *architecture, const char *path,
                                struct error *err)
{
    const cJSON *given = find(metadata, architecture, "rope.scaling.type");
    const char *type = cJSON_IsString(given) ? given->valuestring : "linear";
    double factor = number(metadata, architecture, "rope.scaling.factor", number(metadata, architecture, "rope.scale_linear", 0));
    double attention = number(metadata, architecture, "rope.scaling.attn_factor", 1);
    double ramp = number(metadata, architecture, "rope.scaling.yarn_ext_factor", -1);
    bool yarn = strcmp(type, "yarn") == 0, none = strcmp(type, "none") == 0;
    factor = factor == 0 || none ? 1 : factor;
    if (!yarn && !none && strcmp(type, "linear") != 0)
        return refuse(path, architecture, "rope.scaling.type", "none, linear or yarn", err);
    if (!(factor >= 1e-3 && factor <= 1e6))
        return refuse(path, architecture, "rope.scaling.factor", "a factor from 0.001 to 1000000", err);
    if (ramp >= 0 && ramp != (yarn ? 1 : 0))
        return refuse(path, architecture, "rope.scaling.yarn_ext_factor", yarn ? "1" : "0", err);
    if (yarn ? !(attention > 0 && attention <= 1e6) : attention != 1)
        return refuse(path, architecture, "rope.scaling.attn_factor", yarn ? "a factor above 0" : "1 without yarn", err);
    if (!yarn && factor == 1)
        return OK;
    cJSON *scaling = cJSON_AddObjectToObject(config, "rope_scaling");
    cJSON_AddStringToObject(scaling, "rope_type", type);
    cJSON_AddNumberToObject(scaling, "factor", factor);
    if (!yarn)
        return OK;
    cJSON_AddNumberToObject(scaling, "attention_factor", attention * rope_yarn_temperature(factor, 1));
    copy(scaling, "original_max_position_embeddings", metadata, architecture, "rope.scaling.original_context_length");
    copy(scaling, "beta_fast", metadata, architecture, "rope.scaling.yarn_beta_fast");
    copy(scaling, "beta_slow", metadata, architecture, "rope.scaling.yarn_beta_slow");
    return OK;
}

static enum status find_architecture(size_t *kind, const cJSON *metadata, const char *path, struct error *err)
{
    const char *name = NULL;
    enum status status = json_get_string(metadata, "general.architecture", false, &name, path, err);
    for (*kind = 0; status == OK && *kind < N_ARCHITECTURES; (*kind)++)
        if (strcmp(ARCHITECTURES[*kind].name, name) == 0)
            return OK;
    struct text known = {0};
    for (size_t i = 0; i < N_ARCHITECTURES; i++)
        text_printf(&known, "%s%s", i ? ", " : "", ARCHITECTURES[i].name);
    if (status == OK)
        status = error_set(err, ERR_INPUT, "%s: key 'general.architecture': '%.40s' is not supported, expected one of %s", path,
                           name, known.data);
    text_free(&known);
    return status;
}

static enum status make_config(cJSON *config, const struct shards *files, const cJSON *metadata, const char *path,
                               struct error *err)
{
    static const struct {
        const char *to, *from;
    } keys[] = {{"hidden_size", "embedding_length"},
                {"num_hidden_layers", "block_count"},
                {"num_attention_heads", "attention.head_count"},
                {"intermediate_size", "feed_forward_length"},
                {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
                {"rope_theta", "rope.freq_base"},
                {"head_dim", "attention.key_length"},
                {"max_position_embeddings", "context_length"}},
      tokens[] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"}, {"eos_token_id", "tokenizer.ggml.eos_token_id"}};
    size_t kind;
    enum status status = find_architecture(&kind, metadata, path, err);
    if (status != OK)
        return status;
    const char *name = ARCHITECTURES[kind].name, *in;
    cJSON_AddStringToObject(config, "model_type", ARCHITECTURES[kind].model_type);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        copy(config, keys[i].to, metadata, name, keys[i].from);
    copy(config, "num_key_value_heads", metadata, name, "attention.head_count_kv");
    if (!json_has(config, "num_key_value_heads"))
        cJSON_AddNullToObject(config, "num_key_value_heads"); /* as many as heads, whatever the family's default */
    if (!json_has(config, "rope_theta"))
        cJSON_AddNumberToObject(config, "rope_theta", 10000);
    status = check_keys(metadata, name, path, err);
    if (status == OK)
        status = check_widths(metadata, name, path, err);
    if (status == OK && !json_has(config, "rms_norm_eps"))
        status =
            error_set(err, ERR_INPUT, "%s: key '%s.attention.layer_norm_rms_epsilon' is missing, expected a number", path, name);
    if (status == OK)
        status = read_scaling(config, metadata, name, path, err);
    const struct tensor *embedding = shards_find(files, "model.embed_tokens.weight", &in);
    if (embedding != NULL && embedding->n_dims == 2)
        cJSON_AddNumberToObject(config, "vocab_size", (double)embedding->shape[0]);
    cJSON_AddBoolToObject(config, "rope_interleaved", ARCHITECTURES[kind].interleaved);
    cJSON_AddBoolToObject(config, "tie_word_embeddings", shards_find(files, "lm_head.weight", &in) == NULL);
    cJSON_AddBoolToObject(config, "attention_bias", shards_find(files, "model.layers.0.self_attn.o_proj.bias", &in) != NULL);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(metadata, tokens[i].from);
        if (id != NULL)
            cJSON_AddItemToObject(config, tokens[i].to, cJSON_Duplicate(id, false));
    }
    return status;
}

/* Opens one more file, with the library's names of its tensors; `metadata` is the caller's. */
static enum status open_file(struct shards *s, cJSON **metadata, const char *path, struct error *err)
{
    struct tensor_file *f = &s->files[s->n];
    enum status status = gguf_open(f, metadata, path, err);
    if (status != OK)
        return status;
    s->n++;
    for (size_t i = 0; i < f->n_tensors; i++) {
        char *name = rename_tensor(f->tensors[i].name);
        free(f->tensors[i].name);
        f->tensors[i].name = name;
    }
    return tensor_file_sort(f, err);
}

/* All parts in order, given how many there are; `metadata` becomes the first part's. */
static enum status open_parts(struct shards *s, cJSON **metadata, size_t count, const char *path, struct error *err)
{
    enum status status = OK;
    shards_close(s);
    s->files = calloc(count, sizeof *s->files);
    for (size_t i = 0; i < count && status == OK; i++) {
        cJSON *own = NULL;
        int64_t at = -1, of = -1;
        char *part = gguf_part_path(path, i + 1, count);
        status = part ? open_file(s, &own, part, err)
                      : error_set(err, ERR_INPUT, "%s: is one of %zu parts, expected a name that ends in -00001-of-%05zu.gguf",
                                  path, count, count);
        if (status == OK)
            status = json_get_int(own, "split.no", 0, 65535, false, &at, part, err);
        if (status == OK)
            status = json_get_int(own, "split.count", 0, 65535, false, &of, part, err);
        if (status == OK && ((size_t)at != i || (size_t)of != count))
            status = error_set(err, ERR_INPUT, "%s: says that it is part %lld of %lld, expected part %zu of %zu", part,
                               (long long)at + 1, (long long)of, i + 1, count);
        if (status == OK && i == 0) {
            cJSON_Delete(*metadata);
            *metadata = own;
            own = NULL;
        }
        cJSON_Delete(own);
        free(part);
    }
    return status;
}

enum status gguf_model_open(struct shards *s, cJSON **config, const char *path, struct error *err)
{
    cJSON *metadata = NULL;
    int64_t count = 1;
    *config = NULL;
    *s = (struct shards){.files = calloc(1, sizeof *s->files)};
    enum status status = open_file(s, &metadata, path, err);
    if (status == OK)
        status = json_get_int(metadata, "split.count", 0, 65535, true, &count, path, err);
    if (status == OK && count > 1)
        status = open_parts(s, &metadata, (size_t)count, path, err);
    *config = cJSON_CreateObject();
    if (status == OK)
        status = make_config(*config, s, metadata, path, err);
    cJSON_Delete(metadata);
    if (status != OK) {
        shards_close(s);
        cJSON_Delete(*config);
        *config = NULL;
    }
    return status;
}
