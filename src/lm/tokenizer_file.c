/* tokenizer_file.c - reads tokenizer.json into the tables of vocabulary.h; see tokenizer.h. */
#include "base/file.h"
#include "formats/json.h"
#include "lm/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t power_above(size_t n)
{
    size_t size = 16;
    while (size < 2 * n + 2)
        size *= 2;
    return size;
}

/* The bytes behind a vocabulary string: every character stands for one byte. NULL when one does not. */
static char *raw_bytes(const char *s, size_t *length)
{
    char *out = malloc(strlen(s) + 1);
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; out != NULL && *p != '\0';) {
        uint32_t c = *p < 0x80 ? *p : (uint32_t)(*p & 0x1f) << 6 | (p[1] & 0x3f);
        p += *p < 0x80 ? 1 : *p < 0xe0 ? 2 : 3;
        int byte = -1;
        for (int b = 0; b < 256 && byte < 0 && c < 324; b++) /* 324: one past the last stand-in */
            if (byte_level_char((unsigned char)b) == c)
                byte = b;
        if (byte < 0 || p[-1] == '\0') {
            free(out);
            return NULL;
        }
        out[n++] = (char)byte;
    }
    *length = n;
    return out;
}

static enum status read_vocab(struct tokenizer *t, const cJSON *vocab, const cJSON *added, const char *path, struct error *err)
{
    double largest = -1;
    const cJSON *item;
    const struct {
        const cJSON *list;
        bool is_vocab;
    } lists[] = {{vocab, true}, {added, false}};
    for (size_t i = 0; i < 2; i++)
        cJSON_ArrayForEach(item, lists[i].list)
        {
            const cJSON *id = lists[i].is_vocab ? item : cJSON_GetObjectItemCaseSensitive(item, "id");
            if (!cJSON_IsNumber(id) || id->valuedouble < 0 || id->valuedouble > 1 << 24 ||
                id->valuedouble != (double)(int)id->valuedouble)
                return error_set(err, ERR_INPUT, "%s: token '%.60s' has a wrong id, expected an integer from 0", path,
                                 item->string ? item->string : "?");
            largest = id->valuedouble > largest ? id->valuedouble : largest;
        }
    if (largest < 0)
        return error_set(err, ERR_INPUT, "%s: key 'model.vocab' is empty, expected tokens", path);
    t->n_pieces = (size_t)(largest + 1);
    t->table_mask = power_above(t->n_pieces) - 1;
    t->pieces = mem_array(t->n_pieces, sizeof *t->pieces);
    t->by_bytes = mem_array(t->table_mask + 1, sizeof *t->by_bytes);
    if (t->pieces == NULL || t->by_bytes == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    memset(t->by_bytes, 0xff, (t->table_mask + 1) * sizeof *t->by_bytes);
    cJSON_ArrayForEach(item, vocab)
    {
        struct piece *p = &t->pieces[(size_t)item->valuedouble];
        if (p->bytes != NULL)
            return error_set(err, ERR_INPUT, "%s: token '%.60s' has an id that is taken, expected each id once", path,
                             item->string);
        p->bytes = t->byte_level ? raw_bytes(item->string, &p->length) : NULL;
        if (p->bytes == NULL) { /* not a byte-level string: an added token listed in the vocabulary */
            p->bytes = strdup(item->string);
            p->length = strlen(item->string);
        }
        size_t i = vocabulary_slot(t, p->bytes, p->length);
        while (t->by_bytes[i] >= 0)
            i = (i + 1) & t->table_mask;
        t->by_bytes[i] = (int32_t)item->valuedouble;
    }
    for (int b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        if (t->byte_level)
            name[0] = (char)b;
        t->byte_id[b] = vocabulary_find(t, name, t->byte_level ? 1 : 6);
    }
    return OK;
}

/* One merge: "left right", or [left, right] in newer files. */
static enum status read_merge(struct tokenizer *t, const cJSON *item, int32_t rank, const char *path, struct error *err)
{
    char *line = cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
    const char *left = NULL, *right = NULL;
    if (line != NULL) {
        char *space = strchr(line, ' ');
        if (space != NULL) {
            *space = '\0';
            left = line;
            right = space + 1;
        }
    } else if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 && cJSON_IsString(item->child) &&
               cJSON_IsString(item->child->next)) {
        left = item->child->valuestring;
        right = item->child->next->valuestring;
    }
    size_t nl = left ? strlen(left) : 0, nr = right ? strlen(right) : 0;
    char *l = NULL, *r = NULL;
    if (left != NULL && right != NULL) {
        l = t->byte_level ? raw_bytes(left, &nl) : strdup(left);
        r = t->byte_level ? raw_bytes(right, &nr) : strdup(right);
    }
    char *both = malloc(nl + nr + 1);
    int32_t a = -1, b = -1, c = -1;
    if (l != NULL && r != NULL && both != NULL) {
        memcpy(both, l, nl);
        memcpy(both + nl, r, nr);
        a = vocabulary_find(t, l, nl);
        b = vocabulary_find(t, r, nr);
        c = vocabulary_find(t, both, nl + nr);
    }
    free(line);
    free(l);
    free(r);
    free(both);
    if (a < 0 || b < 0 || c < 0)
        return error_set(err, ERR_INPUT, "%s: merge %d is wrong, expected two tokens of the vocabulary whose join is one too",
                         path, rank);
    struct merge *slot = vocabulary_merge(t, a, b);
    if (slot->rank < 0)
        *slot = (struct merge){a, b, rank, c};
    return OK;
}

static enum status read_merges(struct tokenizer *t, const cJSON *merges, const char *path, struct error *err)
{
    t->n_merges = (size_t)cJSON_GetArraySize(merges);
    t->merge_mask = power_above(t->n_merges) - 1;
    t->merges = mem_array(t->merge_mask + 1, sizeof *t->merges);
    if (t->merges == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i <= t->merge_mask; i++)
        t->merges[i].rank = -1;
    const cJSON *item;
    int32_t rank = 0;
    cJSON_ArrayForEach(item, merges)
    {
        enum status status = read_merge(t, item, rank++, path, err);
        if (status != OK)
            return status;
    }
    return OK;
}

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
        if (status != OK)
            return status;
        if (content[0] == '\0')
            return error_set(err, ERR_INPUT, "%s: key 'added_tokens' has an empty content, expected text", path);
        a->id = (int32_t)cJSON_GetObjectItemCaseSensitive(item, "id")->valuedouble;
        a->content = strdup(content);
        a->length = strlen(content);
        struct piece *p = &t->pieces[a->id];
        free(p->text);
        p->text = strdup(content);
        p->text_length = a->length;
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
    enum status status = json_get_string(model, "unk_token", true, &unknown, path, err);
    if (status == OK && unknown != NULL)
        t->unknown = vocabulary_find(t, unknown, strlen(unknown));
    if (status == OK && json_has(root, "decoder"))
        status = read_decoder(t, cJSON_GetObjectItemCaseSensitive(root, "decoder"), path, err);
    for (size_t i = 0; i < t->n_pieces && status == OK; i++)
        if (t->pieces[i].bytes != NULL)
            status = decode_piece(&t->pieces[i], path, err);
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
    if (strcmp(type, "BPE") != 0)
        return error_set(err, ERR_INPUT, "%s: key 'model.type': '%.40s' is not supported, expected BPE", path, type);
    if (!cJSON_IsObject(vocab) || !cJSON_IsArray(merges))
        return error_set(err, ERR_INPUT, "%s: key 'model.%s' is missing or wrong, expected the vocabulary and the merges", path,
                         cJSON_IsObject(vocab) ? "merges" : "vocab");
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {{"ignore_merges", &t->ignore_merges}, {"byte_fallback", &t->byte_fallback}, {"fuse_unk", &t->fuse_unknown}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == OK; i++)
        status = json_get_bool(model, flags[i].key, true, flags[i].flag, path, err);
    if (status == OK)
        status = normalizer_from_json(&t->normalizer, cJSON_GetObjectItemCaseSensitive(root, "normalizer"), path, err);
    if (status == OK)
        status = pretokenizer_from_json(&t->pretokenizer, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer"), t->normalizer,
                                        path, err);
    t->byte_level = status == OK && pretokenizer_is_byte_level(t->pretokenizer);
    t->unknown = -1;
    if (status == OK)
        status = read_vocab(t, vocab, added, path, err);
    if (status == OK)
        status = read_merges(t, merges, path, err);
    if (status == OK && !t->byte_level)
        status = build_characters(t, root, model, path, err);
    if (status == OK)
        status = read_added(t, added, path, err);
    if (status == OK)
        read_template(t, cJSON_GetObjectItemCaseSensitive(root, "post_processor"));
    return status;
}

enum status tokenizer_load(struct tokenizer **out, const char *folder, struct error *err)
{
    char *path = path_join(folder, "tokenizer.json"), *text = NULL;
    struct tokenizer *t = calloc(1, sizeof *t);
    cJSON *root = NULL;
    size_t length = 0;
    *out = NULL;
    enum status status =
        path && t ? file_read(&text, &length, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK)
        status = json_parse(&root, path, text, length, err);
    if (status == OK)
        status = build(t, root, path, err);
    if (status == OK) {
        sha256_hex(t->sha256, text, length);
        *out = t;
    } else {
        tokenizer_free(t);
    }
    cJSON_Delete(root);
    free(text);
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
