/* chat.c - see chat.h. */
#include "lm/chat.h"

#include "base/file.h"
#include "formats/gguf.h"
#include "formats/json.h"

#include <stdlib.h>
#include <string.h>

struct chat_template {
    struct jinja *jinja;
    cJSON *tokens; /* bos_token, eos_token, .. */
};

static const char *const TOKENS[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
enum { N_TOKENS = sizeof TOKENS / sizeof *TOKENS };

/* A file of a folder as text or as a document; nothing, and OK, where it is not there. */
static enum status read_text(char **text, size_t *length, const char *folder, const char *name, struct error *err)
{
    char *path = path_join(folder, name);
    enum status status = file_exists(path) ? file_read(text, length, path, err) : OK;
    free(path);
    return status;
}

static enum status read_document(cJSON **root, const char *folder, const char *name, struct error *err)
{
    char *path = path_join(folder, name);
    enum status status = file_exists(path) ? json_read(root, path, err) : OK;
    free(path);
    return status;
}

/* Special tokens that are not known yet: a text, or an object with its `content`. */
static void take_tokens(cJSON *tokens, const cJSON *config)
{
    for (size_t i = 0; i < N_TOKENS; i++) {
        const cJSON *token = cJSON_GetObjectItemCaseSensitive(config, TOKENS[i]);
        const char *text = cJSON_IsObject(token) ? json_text(token, "content") : cJSON_GetStringValue(token);
        if (text != NULL && !cJSON_HasObjectItem(tokens, TOKENS[i]))
            cJSON_AddStringToObject(tokens, TOKENS[i], text);
    }
}

/* `chat_template`: a text, or a list of {name, template}. NULL: there is none. */
static const char *template_of(const cJSON *config)
{
    const cJSON *template = cJSON_GetObjectItemCaseSensitive(config, "chat_template"), *one;
    cJSON_ArrayForEach(one, template)
    {
        const char *name = json_text(one, "name");
        if (cJSON_IsArray(template) && name != NULL && strcmp(name, "default") == 0)
            return json_text(one, "template");
    }
    return cJSON_GetStringValue(template);
}

static enum status compile(struct chat_template *c, const char *path, const char *text, size_t length, struct error *err)
{
    if (text == NULL)
        return error_set(err, ERR_INPUT,
                         "%s: has no chat template, expected chat_template.jinja or `chat_template` in "
                         "tokenizer_config.json (of a GGUF file: tokenizer.chat_template)",
                         path);
    return jinja_compile(&c->jinja, path, text, length, err);
}

static enum status load_folder(struct chat_template *c, const char *folder, struct error *err)
{
    cJSON *config = NULL, *map = NULL;
    char *file = NULL;
    size_t length = 0;
    enum status status = read_text(&file, &length, folder, "chat_template.jinja", err);
    if (status == OK)
        status = read_document(&config, folder, "tokenizer_config.json", err);
    if (status == OK)
        status = read_document(&map, folder, "special_tokens_map.json", err);
    if (status == OK) {
        const char *text = file ? file : template_of(config);
        take_tokens(c->tokens, config);
        take_tokens(c->tokens, map);
        status = compile(c, folder, text, file ? length : text ? strlen(text) : 0, err);
    }
    free(file);
    cJSON_Delete(config);
    cJSON_Delete(map);
    return status;
}

static enum status load_gguf(struct chat_template *c, const char *path, struct error *err)
{
    static const char *const ids[N_TOKENS] = {"bos", "eos", "unknown", "seperator", "padding", "cls", "mask"};
    struct tensor_file file;
    cJSON *metadata;
    size_t parts = gguf_parts_named(path); /* the first part has the metadata of all */
    char *first = parts > 1 ? gguf_part_path(path, 1, parts) : strdup(path);
    enum status status = gguf_open(&file, &metadata, first, err);
    if (status == OK) {
        const cJSON *all = cJSON_GetObjectItemCaseSensitive(metadata, "tokenizer.ggml.tokens");
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, "tokenizer.chat_template"));
        for (size_t i = 0; i < N_TOKENS; i++) {
            char key[64];
            snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", ids[i]);
            const cJSON *id = cJSON_GetObjectItemCaseSensitive(metadata, key);
            const char *token = cJSON_IsNumber(id) ? cJSON_GetStringValue(cJSON_GetArrayItem(all, id->valueint)) : NULL;
            if (token != NULL)
                cJSON_AddStringToObject(c->tokens, TOKENS[i], token);
        }
        status = compile(c, path, text, text ? strlen(text) : 0, err);
        cJSON_Delete(metadata);
        tensor_file_close(&file);
    }
    free(first);
    return status;
}

enum status chat_template_load(struct chat_template **c, const char *path, struct error *err)
{
    struct chat_template *new = calloc(1, sizeof *new);
    new->tokens = cJSON_CreateObject();
    enum status status = gguf_named(path) ? load_gguf(new, path, err) : load_folder(new, path, err);
    *c = status == OK ? new : NULL;
    if (status != OK)
        chat_template_free(new);
    return status;
}

void chat_template_free(struct chat_template *c)
{
    if (c == NULL)
        return;
    jinja_free(c->jinja);
    cJSON_Delete(c->tokens);
    free(c);
}

enum status chat_template_render(const struct chat_template *c, const struct chat_request *request, struct text *out,
                                 struct error *err)
{
    enum { JULY_26_2024 = 1721952000 };
    cJSON *variables = cJSON_Duplicate(c->tokens, true), *one;
    cJSON_AddItemReferenceToObject(variables, "messages", (cJSON *)(uintptr_t)request->messages);
    cJSON_AddBoolToObject(variables, "add_generation_prompt", request->reply);
    cJSON_AddNullToObject(variables, "tools");
    cJSON_AddNullToObject(variables, "documents");
    cJSON_ArrayForEach(one, request->more)
    {
        cJSON_DeleteItemFromObjectCaseSensitive(variables, one->string);
        cJSON_AddItemReferenceToObject(variables, one->string, one);
    }
    enum status status = jinja_render(c->jinja, variables, request->now ? request->now : JULY_26_2024, out, err);
    cJSON_Delete(variables);
    return status;
}

cJSON *chat_messages(const char *system, const char *user)
{
    const char *const roles[] = {"system", "user"}, *const texts[] = {system, user};
    cJSON *messages = cJSON_CreateArray();
    for (size_t i = 0; i < 2; i++)
        if (texts[i] != NULL) {
            cJSON *message = cJSON_CreateObject();
            cJSON_AddStringToObject(message, "role", roles[i]);
            cJSON_AddStringToObject(message, "content", texts[i]);
            cJSON_AddItemToArray(messages, message);
        }
    return messages;
}
