/* gguf_tokenizer.c - the tokenizer within a GGUF file into the tree of a tokenizer.json; see tokenizer_sources.h. */
#include "formats/gguf.h"
#include "lm/byte_level.h"
#include "lm/tokenizer.h"
#include "lm/tokenizer_sources.h"

#include <string.h>

/* `tokenizer.ggml.pre`: the pattern of a byte-level vocabulary. */
static const struct {
    const char *pre, *pattern;
    bool digits;        /* one by one, before the pattern */
    bool ignore_merges; /* a word that is a token is one */
} PATTERNS[] = {{"gpt-2", GPT2_PATTERN, false, false},         {"default", GPT2_PATTERN, false, false},
                {"llama-bpe", CL100K_PATTERN, false, true},    {"llama3", CL100K_PATTERN, false, true},
                {"qwen2", CL100K_DIGIT_PATTERN, false, false}, {"smollm", GPT2_PATTERN, true, false},
                {"gpt-4o", O200K_PATTERN, false, true}};
enum { N_PATTERNS = sizeof PATTERNS / sizeof *PATTERNS };

static const cJSON *at(const cJSON *metadata, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(metadata, key);
}

/* Pairs [piece, score] with what text cannot give under hidden names, and the added tokens. */
static void read_tokens(cJSON *vocab, cJSON *added, int64_t *unknown, const cJSON *metadata)
{
    const cJSON *type = at(metadata, "tokenizer.ggml.token_type"), *score = at(metadata, "tokenizer.ggml.scores"), *token;
    size_t id = 0;
    type = type ? type->child : NULL;
    score = score ? score->child : NULL;
    cJSON_ArrayForEach(token, at(metadata, "tokenizer.ggml.tokens"))
    {
        int kind = type ? type->valueint : PIECE_NORMAL;
        const char *text = cJSON_IsString(token) ? token->valuestring : "";
        bool apart = kind == PIECE_CONTROL || kind == PIECE_USER || kind == PIECE_UNUSED || kind == PIECE_UNKNOWN;
        source_add_piece(vocab, apart ? NULL : text, id, score ? score->valuedouble : -(double)id);
        if (apart && kind != PIECE_UNUSED && text[0] != '\0')
            source_add_token(added, text, (double)id, kind != PIECE_USER, kind != PIECE_UNKNOWN);
        if (kind == PIECE_UNKNOWN)
            *unknown = (int64_t)id;
        type = type ? type->next : NULL;
        score = score ? score->next : NULL;
        id++;
    }
}

/* {string: id} from the pairs: merges are listed. */
static cJSON *as_object(const cJSON *vocab)
{
    cJSON *object = cJSON_CreateObject(), *pair;
    double id = 0;
    cJSON_ArrayForEach(pair, vocab) cJSON_AddNumberToObject(object, pair->child->valuestring, id++);
    return object;
}

static cJSON *byte_level_tree(cJSON *vocab, cJSON *added, const cJSON *metadata, size_t kind)
{
    cJSON *root = cJSON_CreateObject(), *model = cJSON_AddObjectToObject(root, "model");
    cJSON *sequence = cJSON_AddObjectToObject(root, "pre_tokenizer"), *stages;
    cJSON_AddStringToObject(model, "type", "BPE");
    cJSON_AddItemToObject(model, "vocab", as_object(vocab));
    cJSON_Delete(vocab);
    cJSON_AddItemToObject(model, "merges", cJSON_Duplicate(at(metadata, "tokenizer.ggml.merges"), true));
    cJSON_AddBoolToObject(model, "ignore_merges", PATTERNS[kind].ignore_merges);
    cJSON_AddStringToObject(sequence, "type", "Sequence");
    stages = cJSON_AddArrayToObject(sequence, "pretokenizers");
    if (PATTERNS[kind].digits)
        cJSON_AddBoolToObject(source_step(stages, "Digits"), "individual_digits", true);
    source_byte_level(stages, PATTERNS[kind].pattern);
    cJSON_AddItemToObject(root, "added_tokens", added);
    return root;
}

static void begin(cJSON *root, const cJSON *metadata, bool by_default)
{
    const cJSON *adds = at(metadata, "tokenizer.ggml.add_bos_token"), *bos = at(metadata, "tokenizer.ggml.bos_token_id");
    const cJSON *token = bos ? cJSON_GetArrayItem(at(metadata, "tokenizer.ggml.tokens"), bos->valueint) : NULL;
    if (token != NULL && cJSON_IsString(token) && (adds ? cJSON_IsTrue(adds) : by_default))
        source_begin_with(root, token->valuestring);
}

enum status gguf_tokenizer_read(cJSON **root, const char *path, const cJSON *metadata, struct error *err)
{
    const char *kind = NULL, *pre = "default";
    enum status status = json_get_string(metadata, "tokenizer.ggml.model", false, &kind, path, err);
    if (status == OK)
        status = json_get_string(metadata, "tokenizer.ggml.pre", true, &pre, path, err);
    if (status != OK)
        return status;
    bool characters = strcmp(kind, "llama") == 0;
    size_t pattern = N_PATTERNS;
    for (size_t i = 0; i < N_PATTERNS; i++)
        pattern = strcmp(PATTERNS[i].pre, pre) == 0 ? i : pattern;
    if (!characters && strcmp(kind, "gpt2") != 0)
        return error_set(err, ERR_INPUT, "%s: key 'tokenizer.ggml.model': '%.40s' is not supported, expected llama or gpt2", path,
                         kind);
    if (!characters && pattern == N_PATTERNS)
        return error_set(
            err, ERR_INPUT,
            "%s: key 'tokenizer.ggml.pre': '%.40s' is not supported, expected gpt-2, llama-bpe, qwen2, smollm or gpt-4o", path,
            pre);
    if (!cJSON_IsArray(at(metadata, "tokenizer.ggml.tokens")) ||
        (!characters && !cJSON_IsArray(at(metadata, "tokenizer.ggml.merges"))))
        return error_set(err, ERR_INPUT, "%s: key 'tokenizer.ggml.%s' is missing, expected an array of strings", path,
                         cJSON_IsArray(at(metadata, "tokenizer.ggml.tokens")) ? "merges" : "tokens");
    cJSON *vocab = cJSON_CreateArray(), *added = cJSON_CreateArray();
    const cJSON *prefix = at(metadata, "tokenizer.ggml.add_space_prefix");
    struct sentencepiece_rules rules = {.unknown = -1,
                                        .byte_fallback = true,
                                        .prefix = prefix == NULL || cJSON_IsTrue(prefix),
                                        .squeeze = cJSON_IsTrue(at(metadata, "tokenizer.ggml.remove_extra_whitespaces"))};
    read_tokens(vocab, added, &rules.unknown, metadata);
    *root = characters ? sentencepiece_tree(vocab, added, &rules) : byte_level_tree(vocab, added, metadata, pattern);
    begin(*root, metadata, characters || strcmp(pre, "llama-bpe") == 0); /* as llama.cpp does where the key is missing */
    return OK;
}
