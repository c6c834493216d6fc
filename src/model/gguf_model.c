/* gguf_model.c - see gguf_model.h. */
#include "model/gguf_model.h"

#include <stdlib.h>
#include <string.h>

/* Architectures, and whether their rotation turns neighbours: llama.cpp reorders the rows of queries and keys of these. */
static const struct {
    const char *name, *model_type;
    bool interleaved;
} ARCHITECTURES[] = {{"llama", "llama", true}, {"qwen2", "qwen2", false}, {"qwen3", "qwen3", false}};
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

/* Copies the architecture's own key NAME.from of the metadata. */
static void copy(cJSON *config, const char *to, const cJSON *metadata, const char *architecture, const char *from)
{
    char key[160];
    snprintf(key, sizeof key, "%.60s.%s", architecture, from);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(metadata, key);
    if (cJSON_IsArray(value)) /* one number a layer: right only when they agree, which a shape would tell */
        value = value->child;
    if (value != NULL)
        cJSON_AddItemToObject(config, to, cJSON_Duplicate(value, false));
}

static void copy_scaling(cJSON *config, const cJSON *metadata, const char *architecture)
{
    cJSON *scaling = cJSON_CreateObject();
    copy(scaling, "rope_type", metadata, architecture, "rope.scaling.type");
    copy(scaling, "factor", metadata, architecture, "rope.scaling.factor");
    copy(scaling, "original_max_position_embeddings", metadata, architecture, "rope.scaling.original_context_length");
    copy(scaling, "attention_factor", metadata, architecture, "rope.scaling.attn_factor");
    const char *type = json_text(scaling, "rope_type");
    if (type != NULL && strcmp(type, "none") != 0)
        cJSON_AddItemToObject(config, "rope_scaling", scaling);
    else
        cJSON_Delete(scaling);
}

static enum status make_config(cJSON *config, const struct tensor_file *f, const cJSON *metadata, struct error *err)
{
    static const struct {
        const char *to, *from;
    } keys[] = {{"hidden_size", "embedding_length"},
                {"num_hidden_layers", "block_count"},
                {"num_attention_heads", "attention.head_count"},
                {"num_key_value_heads", "attention.head_count_kv"},
                {"intermediate_size", "feed_forward_length"},
                {"rms_norm_eps", "attention.layer_norm_rms_epsilon"},
                {"rope_theta", "rope.freq_base"},
                {"head_dim", "attention.key_length"},
                {"max_position_embeddings", "context_length"}};
    const char *architecture = NULL;
    size_t kind = N_ARCHITECTURES;
    enum status status = json_get_string(metadata, "general.architecture", false, &architecture, f->path, err);
    for (size_t i = 0; i < N_ARCHITECTURES && status == OK; i++)
        kind = strcmp(ARCHITECTURES[i].name, architecture) == 0 ? i : kind;
    if (status == OK && kind == N_ARCHITECTURES)
        status =
            error_set(err, ERR_INPUT, "%s: key 'general.architecture': '%.40s' is not supported, expected llama, qwen2 or qwen3",
                      f->path, architecture);
    if (status != OK)
        return status;
    cJSON_AddStringToObject(config, "model_type", ARCHITECTURES[kind].model_type);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        copy(config, keys[i].to, metadata, architecture, keys[i].from);
    copy_scaling(config, metadata, architecture);
    const struct tensor *embedding = tensor_file_find(f, "model.embed_tokens.weight");
    if (embedding != NULL && embedding->n_dims == 2)
        cJSON_AddNumberToObject(config, "vocab_size", (double)embedding->shape[0]);
    cJSON_AddBoolToObject(config, "rope_interleaved", ARCHITECTURES[kind].interleaved);
    cJSON_AddBoolToObject(config, "tie_word_embeddings", tensor_file_find(f, "lm_head.weight") == NULL);
    cJSON_AddBoolToObject(config, "attention_bias", tensor_file_find(f, "model.layers.0.self_attn.o_proj.bias") != NULL);
    static const char *const tokens[][2] = {{"bos_token_id", "tokenizer.ggml.bos_token_id"},
                                            {"eos_token_id", "tokenizer.ggml.eos_token_id"}};
    for (size_t i = 0; i < 2; i++) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(metadata, tokens[i][1]);
        if (id != NULL)
            cJSON_AddItemToObject(config, tokens[i][0], cJSON_Duplicate(id, false));
    }
    return OK;
}

enum status gguf_model_open(struct tensor_file *f, cJSON **config, const char *path, struct error *err)
{
    cJSON *metadata;
    enum status status = gguf_open(f, &metadata, path, err);
    *config = NULL;
    if (status != OK)
        return status;
    for (size_t i = 0; i < f->n_tensors && status == OK; i++) {
        char *name = rename_tensor(f->tensors[i].name);
        if (name == NULL)
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
        free(f->tensors[i].name);
        f->tensors[i].name = name;
    }
    if (status == OK)
        status = tensor_file_sort(f, err);
    *config = cJSON_CreateObject();
    if (status == OK)
        status = make_config(*config, f, metadata, err);
    cJSON_Delete(metadata);
    if (status != OK) {
        tensor_file_close(f);
        cJSON_Delete(*config);
        *config = NULL;
    }
    return status;
}
