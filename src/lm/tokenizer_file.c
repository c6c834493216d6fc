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

static int longest_first(const void *a, const void *b)
{
    const struct added *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length ? 1 : -1) : strcmp(x->content, y->content);
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
            status = json_get_bool(item, "unmatched", true, &a->unmatched, path, err);
        if (status != OK)
            return status;
        if (content[0] == '\0')
            return error_set(err, ERR_INPUT, "%s: key 'added_tokens' has an empty content, expected text", path);
        a->id = (int32_t)cJSON_GetObjectItemCaseSensitive(item, "id")->valuedouble;
        a->content = strdup(content);
        a->length = strlen(content);
        struct piece *p = &t->pieces[a->id];
        const char *surface = content;
        status = json_get_string(item, "surface", true, &surface, path, err);
        if (status != OK)
            return status;
        free(p->text);
        p->text = strdup(surface);
        p->text_length = strlen(surface);
        p->special = a->special;
        t->n_added++;
    }
    qsort(t->added, t->n_added, sizeof *t->added, longest_first);
    return OK;
}

/* TemplateProcessing's `single`: special tokens before and after the text. */
static void read_template(struct tokenizer *t, const cJSON *processor)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(processor, "type"), *part;
    if (!cJSON_IsString(type))
        return;
    if (strcmp(type->valuestring, "Sequence") == 0) {
        cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(processor, "processors")) read_template(t, part);
        return;
    }
    struct ids *side = &t->prefix;
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(processor, "single"))
    {
        const cJSON *token = cJSON_GetObjectItemCaseSensitive(part, "SpecialToken");
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(token, "id");
        if (token == NULL)
            side = &t->suffix;
        else if (cJSON_IsString(id) && tokenizer_added(t, id->valuestring) >= 0)
            ids_add(side, tokenizer_added(t, id->valuestring));
    }
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

/* A token's own text, from the string that the vocabulary knows it by. */
static enum status decode_piece(struct piece *p, const char *path, struct error *err)
{
    struct text text = {0};
    unsigned byte;
    char end;
    if (p->length == 6 && sscanf(p->bytes, "<0x%2X%c", &byte, &end) == 2 && end == '>') {
        p->text = malloc(2);
        if (p->text != NULL)
            memcpy(p->text, (char[]){(char)byte, '\0'}, 2);
        p->text_length = 1;
    } else if (text_replace(&text, p->bytes, p->length, "\xe2\x96\x81", " ")) {
        p->text = text.data;
        p->text_length = text.len;
    }
    return p->text ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
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
            status = decode_piece(&t->pieces[i], path, err);
    return status;
}

static void find_lowest(struct tokenizer *t)
{
    for (size_t i = 0; i < t->n_pieces; i++)
        if (t->pieces[i].bytes != NULL && t->pieces[i].score < t->lowest_score)
            t->lowest_score = t->pieces[i].score;
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
        status = pretokenizer_from_json(&t->pretokenizer, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer"), t->normalizer,
                                        path, err);
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
    if (status == OK && !t->unigram)
        status = tokenizer_mark_whole(t, err);
    if (status == OK)
        read_template(t, cJSON_GetObjectItemCaseSensitive(root, "post_processor"));
    return status;
}

static enum status read_json(cJSON **root, const char *path, const char *data, size_t length, struct error *err)
{
    return json_parse(root, path, data, length, err);
}

/* What tokenizer_config.json says that a tokenizer.model does not: whether a text begins with a token. */
static void read_beginning(cJSON *root, const char *folder)
{
    char *path = path_join(folder, "tokenizer_config.json");
    cJSON *config = NULL;
    if (path != NULL && file_exists(path) && json_read(&config, path, NULL) == OK) {
        const cJSON *begins = cJSON_GetObjectItemCaseSensitive(config, "add_bos_token");
        const cJSON *bos = cJSON_GetObjectItemCaseSensitive(config, "bos_token");
        const char *content = cJSON_IsObject(bos) ? json_text(bos, "content") : cJSON_GetStringValue(bos);
        const char *type = json_text(config, "tokenizer_class");
        bool llama = type != NULL && strncmp(type, "Llama", 5) == 0; /* where no key says, Llama's tokenizers do */
        if (cJSON_IsTrue(begins) || (begins == NULL && llama))
            source_begin_with(root, content ? content : "<s>");
    }
    cJSON_Delete(config);
    free(path);
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
    bool reads_config;
} FILES[] = {{"tokenizer.json", read_json, false}, {"tokenizer.model", read_model, true}, {".tiktoken", tiktoken_read, true}};
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

bool tokenizer_exists(const char *folder)
{
    if (gguf_named(folder))
        return true;
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
    if (*path == NULL)
        return error_set(err, ERR_INPUT,
                         "%s: has no tokenizer, expected tokenizer.json, tokenizer.model (SentencePiece) or a .tiktoken file",
                         folder);
    enum status status = file_read(&text, &length, *path, err);
    if (status == OK)
        status = FILES[kind].read(root, *path, text, length, err);
    if (status == OK && FILES[kind].reads_config)
        read_beginning(*root, folder);
    if (status == OK)
        sha256_hex(sha256, text, length);
    free(text);
    return status;
}

/* That within a GGUF file; the digest is of its metadata. */
static enum status read_gguf(cJSON **root, char **path, char sha256[65], const char *file, struct error *err)
{
    struct tensor_file f;
    cJSON *metadata;
    enum status status = gguf_open(&f, &metadata, file, err);
    if (status != OK)
        return status;
    *path = strdup(file);
    status = gguf_tokenizer_read(root, file, metadata, err);
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
    ids_free(&t->prefix);
    ids_free(&t->suffix);
    pretokenizer_free(t->pretokenizer);
    normalizer_free(t->normalizer);
    free(t);
}
