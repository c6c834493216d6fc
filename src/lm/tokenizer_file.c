/* tokenizer_file.c - finds the file that a model folder keeps its tokenizer in, and loads it; see tokenizer.h. */
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "lm/tokenizer.h"
#include "lm/tokenizer_parts.h"
#include "lm/tokenizer_sources.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static enum status read_json(cJSON **root, const char *path, const char *data, size_t length, struct error *err)
{
    return json_parse(root, path, data, length, err);
}

/* The text of a token in tokenizer_config.json: a string, or an object with `content`. */
static const char *token_text(const cJSON *config, const char *key)
{
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(config, key);
    return cJSON_IsObject(token) ? json_text(token, "content") : cJSON_GetStringValue(token);
}

/* Classes of the transformers library that make their own post-processor from add_bos_token, which is true where it is missing.
 */
static bool class_adds_bos(const char *class)
{
    static const char *const classes[] = {"Llama", "CodeLlama", "Gemma", "Cohere"};
    for (size_t i = 0; class != NULL && i < sizeof classes / sizeof *classes; i++)
        if (strncmp(class, classes[i], strlen(classes[i])) == 0)
            return true;
    return false;
}

/* An added token that the tokenizer's own file does not name. */
static void add_named(cJSON *root, const char *content, double id, const cJSON *like)
{
    static const char *const flags[] = {"special", "lstrip", "rstrip", "single_word", "normalized"};
    cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "added_tokens"), *entry;
    if (!cJSON_IsArray(list)) {
        cJSON_DeleteItemFromObjectCaseSensitive(root, "added_tokens");
        list = cJSON_AddArrayToObject(root, "added_tokens");
    }
    cJSON_ArrayForEach(entry, list)
    {
        if (json_text(entry, "content") != NULL && strcmp(json_text(entry, "content"), content) == 0)
            return;
    }
    entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "content", content);
    cJSON_AddNumberToObject(entry, "id", id);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(like, flags[i])))
            cJSON_AddBoolToObject(entry, flags[i], cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(like, flags[i])));
    cJSON_AddItemToArray(list, entry);
}

/* added_tokens.json {text: id}, and added_tokens_decoder {id: {content, ..}} of tokenizer_config.json. */
static enum status read_more_tokens(cJSON *root, const cJSON *config, const char *folder, struct error *err)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(config, "added_tokens_decoder"))
    {
        if (json_text(entry, "content") != NULL)
            add_named(root, json_text(entry, "content"), strtod(entry->string, NULL), entry);
    }
    char *path = path_join(folder, "added_tokens.json");
    cJSON *more = NULL;
    enum status status = path && file_exists(path) ? json_read(&more, path, err) : OK;
    cJSON_ArrayForEach(entry, more)
    {
        if (status == OK && !cJSON_IsNumber(entry))
            status = error_set(err, ERR_INPUT, "%s: key '%.60s' is no id, expected {token: id}", path, entry->string);
        if (status == OK)
            add_named(root, entry->string, entry->valuedouble, NULL);
    }
    cJSON_Delete(more);
    free(path);
    return status;
}

/* What the files beside the tokenizer's own say: further tokens, and whether a text begins with one. `whole`: the file has a
 * post-processor of its own, which only some classes replace. */
static enum status read_config(cJSON *root, const char *folder, bool whole, struct error *err)
{
    char *path = path_join(folder, "tokenizer_config.json");
    cJSON *config = NULL;
    enum status status = path && file_exists(path) ? json_read(&config, path, err) : OK;
    if (status == OK)
        status = read_more_tokens(root, config, folder, err);
    if (status == OK && config != NULL) {
        const cJSON *begins = cJSON_GetObjectItemCaseSensitive(config, "add_bos_token");
        const char *content = token_text(config, "bos_token"), *class = json_text(config, "tokenizer_class");
        bool own = class_adds_bos(class), adds = cJSON_IsTrue(begins) || (!cJSON_IsBool(begins) && own);
        if (own && whole) /* that class's own processor takes the place of the file's */
            cJSON_DeleteItemFromObjectCaseSensitive(root, "post_processor");
        if (adds && (own || !whole || !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "post_processor"))))
            source_begin_with(root, content ? content : "<s>");
    }
    cJSON_Delete(config);
    free(path);
    return status;
}

static enum status read_model(cJSON **root, const char *path, const char *data, size_t length, struct error *err)
{
    return tiktoken_recognized(data, length) ? tiktoken_read(root, path, data, length, err)
                                             : sentencepiece_read(root, path, data, length, err);
}

/* The files that a folder's tokenizer may be in, first choice first; a name that begins with '.' is an ending. */
static const struct {
    const char *name;
    enum status (*read)(cJSON **root, const char *path, const char *data, size_t length, struct error *err);
    bool whole; /* has a post-processor of its own */
} FILES[] = {{"tokenizer.json", read_json, true}, {"tokenizer.model", read_model, false}, {".tiktoken", tiktoken_read, false}};
enum { N_FILES = sizeof FILES / sizeof *FILES };

/* The path of a folder's file of a name or ending, or NULL. */
static char *find_file(const char *folder, const char *name)
{
    char *found = NULL;
    if (name[0] != '.') {
        found = path_join(folder, name);
        if (found != NULL && file_exists(found))
            return found;
        free(found);
        return NULL;
    }
    DIR *entries = opendir(folder);
    for (const struct dirent *e; entries != NULL && found == NULL && (e = readdir(entries)) != NULL;) {
        size_t n = strlen(e->d_name), ending = strlen(name);
        if (n > ending && strcmp(e->d_name + n - ending, name) == 0)
            found = path_join(folder, e->d_name);
    }
    if (entries != NULL)
        closedir(entries);
    return found;
}

/* The first part of a split GGUF file, which holds the metadata of all; the path itself otherwise. */
static char *gguf_metadata_path(const char *path)
{
    size_t parts = gguf_parts_named(path);
    return parts > 1 ? gguf_part_path(path, 1, parts) : strdup(path);
}

/* A GGUF file may be without; one that cannot be read says so when it is loaded. */
static bool gguf_has_tokenizer(const char *file)
{
    struct tensor_file f;
    cJSON *metadata;
    char *path = gguf_metadata_path(file);
    bool has = true;
    if (gguf_open(&f, &metadata, path, NULL) == OK) {
        const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "tokenizer.ggml.model"));
        has = model != NULL && strcmp(model, "none") != 0 && strcmp(model, "no_vocab") != 0;
        cJSON_Delete(metadata);
        tensor_file_close(&f);
    }
    free(path);
    return has;
}

bool tokenizer_exists(const char *folder)
{
    if (gguf_named(folder))
        return gguf_has_tokenizer(folder);
    char *found = NULL;
    for (size_t i = 0; i < N_FILES && found == NULL; i++)
        found = find_file(folder, FILES[i].name);
    free(found);
    return found != NULL;
}

/* The tree of a folder's tokenizer, and the digest of its file. */
static enum status read_folder(cJSON **root, char **path, char sha256[65], const char *folder, struct error *err)
{
    char *text = NULL;
    size_t length = 0, kind = 0;
    for (size_t i = 0; i < N_FILES && *path == NULL; i++) {
        *path = find_file(folder, FILES[i].name);
        kind = i;
    }
    if (*path == NULL && !file_exists(folder))
        return error_set(err, ERR_INPUT, "%s: is not there, expected a model folder or a .gguf file", folder);
    if (*path == NULL)
        return error_set(err, ERR_INPUT,
                         "%s: has no tokenizer, expected tokenizer.json, tokenizer.model (SentencePiece) or a .tiktoken file",
                         folder);
    enum status status = file_read(&text, &length, *path, err);
    if (status == OK)
        status = FILES[kind].read(root, *path, text, length, err);
    if (status == OK)
        status = read_config(*root, folder, FILES[kind].whole, err);
    if (status == OK)
        sha256_hex(sha256, text, length);
    free(text);
    return status;
}

/* That within a GGUF file, or the first of its parts; the digest is of its metadata. */
static enum status read_gguf(cJSON **root, char **path, char sha256[65], const char *file, struct error *err)
{
    struct tensor_file f;
    cJSON *metadata;
    *path = gguf_metadata_path(file);
    enum status status = gguf_open(&f, &metadata, *path, err);
    if (status != OK)
        return status;
    status = gguf_tokenizer_read(root, *path, metadata, err);
    char *printed = status == OK ? cJSON_PrintUnformatted(metadata) : NULL;
    sha256_hex(sha256, printed ? printed : "", printed ? strlen(printed) : 0);
    free(printed);
    cJSON_Delete(metadata);
    tensor_file_close(&f);
    return status;
}

enum status tokenizer_load(struct tokenizer **out, const char *folder, struct error *err)
{
    char *path = NULL;
    struct tokenizer *t = calloc(1, sizeof *t);
    cJSON *root = NULL;
    *out = NULL;
    enum status status = t ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK)
        status = (gguf_named(folder) ? read_gguf : read_folder)(&root, &path, t->sha256, folder, err);
    if (status == OK)
        status = tokenizer_build(t, root, path, err);
    if (status == OK)
        *out = t;
    else
        tokenizer_free(t);
    cJSON_Delete(root);
    free(path);
    return status;
}

void tokenizer_free(struct tokenizer *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_added; i++)
        free(t->added[i].content);
    free(t->added);
    vocabulary_free(&t->vocabulary);
    added_trie_free(t->verbatim);
    added_trie_free(t->normalized);
    ids_free(&t->prefix);
    ids_free(&t->suffix);
    pretokenizer_free(t->pretokenizer);
    normalizer_free(t->normalizer);
    normalizer_free(t->blanks);
    free(t);
}
