/* tokenizer_file.c - reads tokenizer.json into the tables of vocabulary.h; see tokenizer.h. */
#include "base/file.h"
#include "formats/gguf.h"
#include "formats/json.h"
#include "lm/tokenizer_sources.h"
#include "lm/vocabulary.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tokens by where they are looked for: those that are normalized by what the normalizer makes of them. */
static enum status make_tries(struct tokenizer *t, const char *path, struct error *err)
{
    const char **plain = calloc(t->n_added + 1, sizeof *plain), **changed = calloc(t->n_added + 1, sizeof *changed);
    enum status status = plain && changed ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < t->n_added && status == OK; i++) {
        const struct added *a = &t->added[i];
        struct text text = {0};
        if (!a->normalized) {
            plain[i] = a->content;
            continue;
        }
        status = normalizer_apply(t->normalizer, &text, a->content, a->length, false, false, err);
        changed[i] = text.data;
    }
    if (status == OK) {
        t->verbatim = added_trie_make(t->added, plain, t->n_added);
        t->normalized = added_trie_make(t->added, changed, t->n_added);
        if (t->verbatim == NULL || t->normalized == NULL)
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    for (size_t i = 0; changed != NULL && i < t->n_added; i++)
        free((char *)changed[i]);
    free(plain);
    free(changed);
    return status;
}

/* A token's own text, from the string that a vocabulary of characters knows it by. */
static enum status decode_piece(const struct tokenizer *t, struct piece *p, const char *string, size_t length, const char *path,
                                struct error *err)
{
    size_t mark = t->word_end ? strlen(t->word_end) : 0;
    struct text text = {0};
    unsigned byte;
    char end;
    bool ok;
    if (length == 6 && sscanf(string, "<0x%2X%c", &byte, &end) == 2 && end == '>')
        ok = text_add(&text, (char[]){(char)byte}, 1);
    else if (mark > 0 && length >= mark && memcmp(string + length - mark, t->word_end, mark) == 0)
        ok = text_add(&text, string, length - mark) && text_puts(&text, " ");
    else
        ok = text_replace(&text, string, length, "\xe2\x96\x81", " ");
    free(p->text);
    p->text = text.data;
    p->text_length = text.len;
    return ok ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
}

static enum status read_added(struct tokenizer *t, const cJSON *list, const char *path, struct error *err)
{
    t->added = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *t->added);
    if (t->added == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        struct added *a = &t->added[t->n_added];
        const char *content = NULL;
        enum status status = json_get_string(item, "content", false, &content, path, err);
        if (status == OK)
            status = json_get_bool(item, "special", true, &a->special, path, err);
        if (status == OK)
            status = json_get_bool(item, "lstrip", true, &a->lstrip, path, err);
        if (status == OK)
            status = json_get_bool(item, "rstrip", true, &a->rstrip, path, err);
        if (status == OK)
            status = json_get_bool(item, "single_word", true, &a->single_word, path, err);
        if (status == OK)
            status = json_get_bool(item, "unmatched", true, &a->unmatched, path, err);
        a->normalized = !a->special;
        if (status == OK)
            status = json_get_bool(item, "normalized", true, &a->normalized, path, err);
        if (status != OK)
            return status;
        if (content[0] == '\0')
            return error_set(err, ERR_INPUT, "%s: key 'added_tokens' has an empty content, expected text", path);
        a->id = (int32_t)cJSON_GetObjectItemCaseSensitive(item, "id")->valuedouble;
        a->content = strdup(content);
        a->length = strlen(content);
        struct piece *p = &t->pieces[a->id];
        const char *surface = NULL;
        status = json_get_string(item, "surface", true, &surface, path, err);
        if (status == OK && surface == NULL && !t->byte_level) {
            status = decode_piece(t, p, content, a->length, path, err);
        } else if (status == OK) {
            free(p->text);
            p->text = strdup(surface ? surface : content);
            p->text_length = strlen(p->text);
        }
        if (status != OK)
            return status;
        p->special = a->special;
        t->n_added++;
    }
    return make_tries(t, path, err);
}

/* A side's token of RobertaProcessing or BertProcessing: [text, id]. */
static enum status add_pair(struct tokenizer *t, struct ids *side, const cJSON *processor, const char *key, const char *path,
                            struct error *err)
{
    const cJSON *pair = cJSON_GetObjectItemCaseSensitive(processor, key), *id = pair && pair->child ? pair->child->next : NULL;
    if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0 && id->valuedouble < (double)t->n_pieces))
        return error_set(err, ERR_INPUT, "%s: key 'post_processor.%s' is wrong, expected [token, id]", path, key);
    return ids_add(side, (int32_t)id->valuedouble) ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
}

/* The ids that a template's special token stands for: those of `special_tokens`, else those of an added token of that name. */
static enum status add_special(struct tokenizer *t, struct ids *side, const cJSON *processor, const char *name, const char *path,
                               struct error *err)
{
    const cJSON *id,
        *entry = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(processor, "special_tokens"), name);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "ids");
    int32_t added = tokenizer_added(t, name);
    if (added < 0)
        added = vocabulary_find(t, name, strlen(name));
    if (list == NULL && added >= 0)
        return ids_add(side, added) ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (!cJSON_IsArray(list))
        return error_set(err, ERR_INPUT, "%s: key 'post_processor': special token '%.60s' has no ids, expected some", path, name);
    cJSON_ArrayForEach(id, list)
    {
        if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0 && id->valuedouble < (double)t->n_pieces))
            return error_set(err, ERR_INPUT,
                             "%s: key 'post_processor': special token '%.60s' has a wrong id, expected one of the vocabulary",
                             path, name);
        if (!ids_add(side, (int32_t)id->valuedouble))
            return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    return OK;
}

static enum status read_single(struct tokenizer *t, const cJSON *processor, const char *path, struct error *err)
{
    struct ids *side = &t->prefix;
    const cJSON *part;
    enum status status = OK;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(processor, "single"))
    {
        const char *name = json_text(part, "SpecialToken.id");
        if (name == NULL)
            side = &t->suffix;
        else if (status == OK)
            status = add_special(t, side, processor, name, path, err);
    }
    return status;
}

/* What stands before and after one text. */
static enum status read_processor(struct tokenizer *t, const cJSON *processor, const char *path, struct error *err)
{
    const char *type = NULL;
    const cJSON *part;
    if (!cJSON_IsObject(processor))
        return OK;
    enum status status = json_get_string(processor, "type", false, &type, path, err);
    if (status != OK)
        return status;
    if (strcmp(type, "Sequence") == 0) {
        cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(processor, "processors"))
        {
            if (status == OK)
                status = read_processor(t, part, path, err);
        }
        return status;
    }
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_single(t, processor, path, err);
    if (strcmp(type, "RobertaProcessing") == 0 || strcmp(type, "BertProcessing") == 0) {
        status = add_pair(t, &t->prefix, processor, "cls", path, err);
        return status == OK ? add_pair(t, &t->suffix, processor, "sep", path, err) : status;
    }
    return strcmp(type, "ByteLevel") == 0 /* changes offsets alone */
               ? OK
               : error_set(err, ERR_INPUT,
                           "%s: key 'post_processor': type '%.40s' is not supported, expected TemplateProcessing, "
                           "RobertaProcessing, BertProcessing, ByteLevel or Sequence",
                           path, type);
}

/* What a token of a vocabulary of characters decodes to: blanks again, and bytes. After this, pieces are no longer looked up by
 * their strings but through the table, which knows them by what they were. */
static enum status read_decoder(struct tokenizer *t, const cJSON *decoder, const char *path, struct error *err)
{
    const char *type = NULL, *content = " ";
    const cJSON *child, *list = cJSON_GetObjectItemCaseSensitive(decoder, "decoders");
    int64_t start = 0;
    enum status status = json_get_string(decoder, "type", false, &type, path, err);
    if (status != OK)
        return status;
    cJSON_ArrayForEach(child, list)
    {
        if (status == OK)
            status = read_decoder(t, child, path, err);
    }
    if (strcmp(type, "Strip") == 0) {
        status = json_get_string(decoder, "content", true, &content, path, err);
        if (status == OK)
            status = json_get_int(decoder, "start", 0, 64, true, &start, path, err);
        t->strip_first = start == 1 && strcmp(content, " ") == 0;
    } else if (strcmp(type, "Metaspace") == 0) {
        const char *scheme = "always";
        status = json_get_string(decoder, "prepend_scheme", true, &scheme, path, err);
        t->strip_first = strcmp(scheme, "never") != 0;
    }
    return status;
}

static enum status build_characters(struct tokenizer *t, const cJSON *root, const cJSON *model, const char *path,
                                    struct error *err)
{
    const char *unknown = NULL;
    int64_t unknown_id = -1;
    enum status status = json_get_string(model, "unk_token", true, &unknown, path, err);
    if (status == OK)
        status = json_get_int(model, "unk_id", 0, (int64_t)t->n_pieces - 1, true, &unknown_id, path, err);
    t->unknown = (int32_t)unknown_id;
    if (status == OK && unknown != NULL)
        t->unknown = vocabulary_find(t, unknown, strlen(unknown));
    if (status == OK && json_has(root, "decoder"))
        status = read_decoder(t, cJSON_GetObjectItemCaseSensitive(root, "decoder"), path, err);
    for (size_t i = 0; i < t->n_pieces && status == OK; i++)
        if (t->pieces[i].bytes != NULL)
            status = decode_piece(t, &t->pieces[i], t->pieces[i].bytes, t->pieces[i].length, path, err);
    return status;
}

static void find_lowest(struct tokenizer *t)
{
    for (size_t i = 0; i < t->n_pieces; i++)
        if (t->pieces[i].bytes != NULL && t->pieces[i].score < t->lowest_score)
            t->lowest_score = t->pieces[i].score;
}

/* A mark of the vocabulary's strings; an empty one is none. */
static enum status read_mark(char **mark, const cJSON *model, const char *key, const char *path, struct error *err)
{
    const char *text = NULL;
    enum status status = json_get_string(model, key, true, &text, path, err);
    if (status == OK && text != NULL && text[0] != '\0' && (*mark = strdup(text)) == NULL)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    return status;
}

static enum status build(struct tokenizer *t, const cJSON *root, const char *path, struct error *err)
{
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(root, "model");
    const cJSON *vocab = cJSON_GetObjectItemCaseSensitive(model, "vocab");
    const cJSON *merges = cJSON_GetObjectItemCaseSensitive(model, "merges");
    const cJSON *added = cJSON_GetObjectItemCaseSensitive(root, "added_tokens");
    const char *type = "BPE";
    if (!cJSON_IsObject(model))
        return error_set(err, ERR_INPUT, "%s: key 'model' is missing, expected a BPE model", path);
    enum status status = json_get_string(model, "type", true, &type, path, err);
    if (status != OK)
        return status;
    t->unigram = strcmp(type, "Unigram") == 0;
    if (!t->unigram && strcmp(type, "BPE") != 0)
        return error_set(err, ERR_INPUT, "%s: key 'model.type': '%.40s' is not supported, expected BPE or Unigram", path, type);
    bool scored = cJSON_IsArray(vocab); /* no merges are listed: they follow from the scores */
    if (!(scored || (cJSON_IsObject(vocab) && !t->unigram)) || !(scored || cJSON_IsArray(merges)))
        return error_set(err, ERR_INPUT, "%s: key 'model.%s' is missing or wrong, expected the vocabulary and the merges", path,
                         scored || cJSON_IsObject(vocab) ? "merges" : "vocab");
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {{"ignore_merges", &t->ignore_merges},
                 {"byte_fallback", &t->byte_fallback},
                 {"fuse_unk", &t->fuse_unknown},
                 {"single_precision", &t->single}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == OK; i++)
        status = json_get_bool(model, flags[i].key, true, flags[i].flag, path, err);
    if (status == OK)
        status = normalizer_from_json(&t->normalizer, cJSON_GetObjectItemCaseSensitive(root, "normalizer"), path, err);
    if (status == OK)
        status = normalizer_from_json(&t->blanks, NULL, path, err);
    if (status == OK)
        status = pretokenizer_from_json(&t->pretokenizer, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer"), t->blanks,
                                        path, err);
    if (status == OK)
        status = read_mark(&t->word_end, model, "end_of_word_suffix", path, err);
    if (status == OK)
        status = read_mark(&t->word_inside, model, "continuing_subword_prefix", path, err);
    t->byte_level = status == OK && pretokenizer_is_byte_level(t->pretokenizer);
    t->unknown = -1;
    t->fuse_unknown = t->unigram || t->fuse_unknown;
    if (status == OK)
        status = vocabulary_read(t, vocab, added, path, err);
    if (status == OK && !t->unigram)
        status = scored ? vocabulary_derive_merges(t, path, err) : vocabulary_read_merges(t, merges, path, err);
    if (status == OK && !t->byte_level)
        status = build_characters(t, root, model, path, err);
    if (status == OK)
        status = read_added(t, added, path, err);
    if (status == OK && t->unigram)
        find_lowest(t);
    if (status == OK && !t->unigram && t->word_end == NULL && t->word_inside == NULL)
        status = tokenizer_mark_whole(t, err);
    if (status == OK)
        status = read_processor(t, cJSON_GetObjectItemCaseSensitive(root, "post_processor"), path, err);
    return status;
}

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
        status = build(t, root, path, err);
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
    for (size_t i = 0; t->pieces != NULL && i < t->n_pieces; i++) {
        free(t->pieces[i].bytes);
        free(t->pieces[i].text);
    }
    for (size_t i = 0; i < t->n_added; i++)
        free(t->added[i].content);
    free(t->pieces);
    free(t->by_bytes);
    free(t->merges);
    free(t->added);
    added_trie_free(t->verbatim);
    added_trie_free(t->normalized);
    free(t->word_end);
    free(t->word_inside);
    ids_free(&t->prefix);
    ids_free(&t->suffix);
    pretokenizer_free(t->pretokenizer);
    normalizer_free(t->normalizer);
    normalizer_free(t->blanks);
    free(t);
}
