/* tokenizer_build.c - fills a tokenizer from the tree of a tokenizer.json; see tokenizer_parts.h. */
#include "lm/merging.h"
#include "lm/tokenizer.h"
#include "lm/tokenizer_parts.h"

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
    size_t mark = t->vocabulary.word_end ? strlen(t->vocabulary.word_end) : 0;
    struct text text = {0};
    unsigned byte;
    char end;
    bool ok;
    if (length == 6 && sscanf(string, "<0x%2X%c", &byte, &end) == 2 && end == '>')
        ok = text_add(&text, (char[]){(char)byte}, 1);
    else if (mark > 0 && length >= mark && memcmp(string + length - mark, t->vocabulary.word_end, mark) == 0)
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
        struct piece *p = &t->vocabulary.pieces[a->id];
        const char *surface = NULL;
        status = json_get_string(item, "surface", true, &surface, path, err);
        if (status == OK && surface == NULL && !t->vocabulary.byte_level) {
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
    if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0 && id->valuedouble < (double)t->vocabulary.n_pieces))
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
        added = vocabulary_find(&t->vocabulary, name, strlen(name));
    if (list == NULL && added >= 0)
        return ids_add(side, added) ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    if (!cJSON_IsArray(list))
        return error_set(err, ERR_INPUT, "%s: key 'post_processor': special token '%.60s' has no ids, expected some", path, name);
    cJSON_ArrayForEach(id, list)
    {
        if (!cJSON_IsNumber(id) || !(id->valuedouble >= 0 && id->valuedouble < (double)t->vocabulary.n_pieces))
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
        status = json_get_int(model, "unk_id", 0, (int64_t)t->vocabulary.n_pieces - 1, true, &unknown_id, path, err);
    t->vocabulary.unknown = (int32_t)unknown_id;
    if (status == OK && unknown != NULL)
        t->vocabulary.unknown = vocabulary_find(&t->vocabulary, unknown, strlen(unknown));
    if (status == OK && json_has(root, "decoder"))
        status = read_decoder(t, cJSON_GetObjectItemCaseSensitive(root, "decoder"), path, err);
    for (size_t i = 0; i < t->vocabulary.n_pieces && status == OK; i++)
        if (t->vocabulary.pieces[i].bytes != NULL)
            status = decode_piece(t, &t->vocabulary.pieces[i], t->vocabulary.pieces[i].bytes, t->vocabulary.pieces[i].length,
                                  path, err);
    return status;
}

static void find_lowest(struct tokenizer *t)
{
    for (size_t i = 0; i < t->vocabulary.n_pieces; i++)
        if (t->vocabulary.pieces[i].bytes != NULL && t->vocabulary.pieces[i].score < t->vocabulary.lowest_score)
            t->vocabulary.lowest_score = t->vocabulary.pieces[i].score;
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

enum status tokenizer_build(struct tokenizer *t, const cJSON *root, const char *path, struct error *err)
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
    t->vocabulary.unigram = strcmp(type, "Unigram") == 0;
    if (!t->vocabulary.unigram && strcmp(type, "BPE") != 0)
        return error_set(err, ERR_INPUT, "%s: key 'model.type': '%.40s' is not supported, expected BPE or Unigram", path, type);
    bool scored = cJSON_IsArray(vocab); /* no merges are listed: they follow from the scores */
    if (!(scored || (cJSON_IsObject(vocab) && !t->vocabulary.unigram)) || !(scored || cJSON_IsArray(merges)))
        return error_set(err, ERR_INPUT, "%s: key 'model.%s' is missing or wrong, expected the vocabulary and the merges", path,
                         scored || cJSON_IsObject(vocab) ? "merges" : "vocab");
    const struct {
        const char *key;
        bool *flag;
    } flags[] = {{"ignore_merges", &t->vocabulary.ignore_merges},
                 {"byte_fallback", &t->vocabulary.byte_fallback},
                 {"fuse_unk", &t->vocabulary.fuse_unknown},
                 {"single_precision", &t->vocabulary.single}};
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
        status = read_mark(&t->vocabulary.word_end, model, "end_of_word_suffix", path, err);
    if (status == OK)
        status = read_mark(&t->vocabulary.word_inside, model, "continuing_subword_prefix", path, err);
    t->vocabulary.byte_level = status == OK && pretokenizer_is_byte_level(t->pretokenizer);
    t->vocabulary.unknown = -1;
    t->vocabulary.fuse_unknown = t->vocabulary.unigram || t->vocabulary.fuse_unknown;
    if (status == OK)
        status = vocabulary_read(&t->vocabulary, vocab, added, path, err);
    if (status == OK && !t->vocabulary.unigram)
        status = scored ? vocabulary_derive_merges(&t->vocabulary, path, err)
                        : vocabulary_read_merges(&t->vocabulary, merges, path, err);
    if (status == OK && !t->vocabulary.byte_level)
        status = build_characters(t, root, model, path, err);
    if (status == OK)
        status = read_added(t, added, path, err);
    if (status == OK && t->vocabulary.unigram)
        find_lowest(t);
    if (status == OK && !t->vocabulary.unigram && t->vocabulary.word_end == NULL && t->vocabulary.word_inside == NULL)
        status = merging_mark_whole(&t->vocabulary, err);
    if (status == OK)
        status = read_processor(t, cJSON_GetObjectItemCaseSensitive(root, "post_processor"), path, err);
    return status;
}
