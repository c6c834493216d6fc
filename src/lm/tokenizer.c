/* tokenizer.c - vocabulary, merges, added tokens; encoding and decoding; see tokenizer.h. */
#include "lm/tokenizer.h"

#include "base/file.h"
#include "base/random.h"
#include "formats/json.h"
#include "lm/pretokenizer.h"

#include <stdlib.h>
#include <string.h>

struct piece {
    char *bytes;
    size_t length;
    bool special; /* an added token that decoding leaves out */
};

struct added {
    char *content;
    size_t length;
    int32_t id;
    bool special, lstrip, rstrip;
};

/* Open addressing: merge (left, right) -> rank and result. */
struct merge {
    int32_t left, right, rank, result;
};

struct tokenizer {
    struct pretokenizer *pretokenizer;
    struct piece *pieces; /* by id */
    size_t n_pieces;
    int32_t *by_bytes; /* hash table of ids, -1 empty */
    struct merge *merges;
    size_t table_mask, merge_mask, n_merges;
    int32_t byte_id[256];
    struct added *added; /* longest first */
    size_t n_added;
    struct ids prefix, suffix; /* what the post-processor adds */
    bool ignore_merges;
    char sha256[65];
};

bool ids_add(struct ids *ids, int32_t id)
{
    if (!mem_grow((void **)&ids->data, &ids->capacity, ids->n + 1, sizeof *ids->data))
        return false;
    ids->data[ids->n++] = id;
    return true;
}

void ids_free(struct ids *ids)
{
    free(ids->data);
    *ids = (struct ids){0};
}

uint32_t byte_level_char(unsigned char b)
{
    if ((b >= 33 && b <= 126) || (b >= 161 && b != 173))
        return b;
    return 256u + (b <= 32 ? b : b < 173 ? b - 127u + 33u : 67u);
}

static size_t slot_of(const struct tokenizer *t, const char *bytes, size_t n)
{
    uint64_t h = hash_bytes(HASH_START, bytes, n);
    return (h ^ h >> 29) & t->table_mask;
}

static size_t power_above(size_t n)
{
    size_t size = 16;
    while (size < 2 * n + 2)
        size *= 2;
    return size;
}

static int32_t find_bytes(const struct tokenizer *t, const char *bytes, size_t n)
{
    for (size_t i = slot_of(t, bytes, n); t->by_bytes[i] >= 0; i = (i + 1) & t->table_mask) {
        const struct piece *p = &t->pieces[t->by_bytes[i]];
        if (p->length == n && memcmp(p->bytes, bytes, n) == 0)
            return t->by_bytes[i];
    }
    return -1;
}

static struct merge *merge_slot(const struct tokenizer *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i = (h >> 20) & t->merge_mask;
    while (t->merges[i].rank >= 0 && (t->merges[i].left != left || t->merges[i].right != right))
        i = (i + 1) & t->merge_mask;
    return &t->merges[i];
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
        p->bytes = raw_bytes(item->string, &p->length);
        if (p->bytes == NULL) { /* not a byte-level string: an added token listed in the vocabulary */
            p->bytes = strdup(item->string);
            p->length = strlen(item->string);
        }
        size_t i = slot_of(t, p->bytes, p->length);
        while (t->by_bytes[i] >= 0)
            i = (i + 1) & t->table_mask;
        t->by_bytes[i] = (int32_t)item->valuedouble;
    }
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        t->byte_id[b] = find_bytes(t, &byte, 1);
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
    size_t nl = 0, nr = 0;
    char *l = left ? raw_bytes(left, &nl) : NULL, *r = right ? raw_bytes(right, &nr) : NULL, *both = malloc(nl + nr + 1);
    int32_t a = -1, b = -1, c = -1;
    if (l != NULL && r != NULL && both != NULL) {
        memcpy(both, l, nl);
        memcpy(both + nl, r, nr);
        a = find_bytes(t, l, nl);
        b = find_bytes(t, r, nr);
        c = find_bytes(t, both, nl + nr);
    }
    free(line);
    free(l);
    free(r);
    free(both);
    if (a < 0 || b < 0 || c < 0)
        return error_set(err, ERR_INPUT, "%s: merge %d is wrong, expected two tokens of the vocabulary whose join is one too",
                         path, rank);
    struct merge *slot = merge_slot(t, a, b);
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
        free(p->bytes);
        *p = (struct piece){strdup(content), a->length, a->special};
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
    if (json_has(root, "normalizer"))
        return error_set(err, ERR_INPUT, "%s: key 'normalizer' is not supported, expected null (byte-level BPE)", path);
    if (!cJSON_IsObject(vocab) || !cJSON_IsArray(merges))
        return error_set(err, ERR_INPUT, "%s: key 'model.%s' is missing or wrong, expected the vocabulary and the merges", path,
                         cJSON_IsObject(vocab) ? "merges" : "vocab");
    status = json_get_bool(model, "ignore_merges", true, &t->ignore_merges, path, err);
    if (status == OK)
        status = pretokenizer_from_json(&t->pretokenizer, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer"), path, err);
    if (status == OK)
        status = read_vocab(t, vocab, added, path, err);
    if (status == OK)
        status = read_merges(t, merges, path, err);
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
    for (size_t i = 0; t->pieces != NULL && i < t->n_pieces; i++)
        free(t->pieces[i].bytes);
    for (size_t i = 0; i < t->n_added; i++)
        free(t->added[i].content);
    free(t->pieces);
    free(t->by_bytes);
    free(t->merges);
    free(t->added);
    ids_free(&t->prefix);
    ids_free(&t->suffix);
    pretokenizer_free(t->pretokenizer);
    free(t);
}

/* A candidate merge in the heap: lowest rank first, then leftmost. */
struct candidate {
    int32_t rank, at, left, right;
};

/* One piece being merged: a linked list of symbols and a heap of candidates. */
struct merging {
    int32_t *id, *next, *previous;
    struct candidate *heap;
    size_t n_heap, capacity;
};

struct encoder {
    const struct tokenizer *t;
    struct ids *out;
    struct merging work;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_push(struct merging *w, struct candidate c)
{
    size_t i = w->n_heap++;
    for (; i > 0 && before(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
}

static struct candidate heap_pop(struct merging *w)
{
    struct candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < w->n_heap; i = child) {
        if (child + 1 < w->n_heap && before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!before(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return top;
}

static void consider(const struct tokenizer *t, struct merging *w, int32_t left)
{
    int32_t right = left < 0 ? -1 : w->next[left];
    if (left < 0 || right < 0)
        return;
    const struct merge *m = merge_slot(t, w->id[left], w->id[right]);
    if (m->rank >= 0)
        heap_push(w, (struct candidate){m->rank, left, w->id[left], w->id[right]});
}

static bool reserve(struct merging *w, size_t n)
{
    if (n <= w->capacity)
        return true;
    free(w->id);
    free(w->heap);
    w->capacity = 2 * n;
    w->id = mem_array(w->capacity, 3 * sizeof *w->id);
    w->heap = mem_array(w->capacity, 2 * sizeof *w->heap); /* n - 1 pairs at first, at most one more a merge */
    if (w->id == NULL || w->heap == NULL) {
        w->capacity = 0;
        return false;
    }
    w->next = w->id + w->capacity;
    w->previous = w->next + w->capacity;
    return true;
}

static bool encode_piece(void *context, const char *bytes, size_t n)
{
    struct encoder *e = context;
    const struct tokenizer *t = e->t;
    struct merging *w = &e->work;
    int32_t whole = n == 1 || t->ignore_merges ? find_bytes(t, bytes, n) : -1;
    if (whole >= 0)
        return ids_add(e->out, whole);
    if (!reserve(w, n))
        return false;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (t->byte_id[(unsigned char)bytes[i]] >= 0) /* a byte that the vocabulary lacks is dropped, as the library does */
            w->id[count++] = t->byte_id[(unsigned char)bytes[i]];
    for (size_t i = 0; i < count; i++) {
        w->next[i] = i + 1 < count ? (int32_t)i + 1 : -1;
        w->previous[i] = (int32_t)i - 1;
    }
    w->n_heap = 0;
    for (size_t i = 0; i + 1 < count; i++)
        consider(t, w, (int32_t)i);
    while (w->n_heap > 0) {
        struct candidate c = heap_pop(w);
        int32_t right = w->next[c.at];
        if (w->id[c.at] != c.left || right < 0 || w->id[right] != c.right)
            continue; /* one of the two has been merged since */
        w->id[c.at] = merge_slot(t, c.left, c.right)->result;
        w->id[right] = -1;
        w->next[c.at] = w->next[right];
        if (w->next[right] >= 0)
            w->previous[w->next[right]] = c.at;
        consider(t, w, w->previous[c.at]);
        consider(t, w, c.at);
    }
    for (int32_t i = count ? 0 : -1; i >= 0; i = w->next[i])
        if (!ids_add(e->out, w->id[i]))
            return false;
    return true;
}

/* The first added token in text, earliest then longest; NULL when there is none. */
static const struct added *find_added(const struct tokenizer *t, const char *text, size_t length, size_t *at)
{
    const struct added *best = NULL;
    for (size_t i = 0; i < t->n_added; i++) {
        const char *hit = memmem(text, length, t->added[i].content, t->added[i].length);
        if (hit != NULL && (best == NULL || (size_t)(hit - text) < *at)) {
            best = &t->added[i];
            *at = (size_t)(hit - text);
        }
    }
    return best;
}

static enum status encode_plain(struct encoder *e, const char *text, size_t length, struct error *err)
{
    if (length == 0)
        return OK;
    if (!pretokenizer_adds_space(e->t->pretokenizer) || text[0] == ' ')
        return pretokenizer_split(e->t->pretokenizer, text, length, encode_piece, e, err);
    struct text spaced = {0};
    enum status status = text_puts(&spaced, " ") && text_add(&spaced, text, length)
                             ? pretokenizer_split(e->t->pretokenizer, spaced.data, spaced.len, encode_piece, e, err)
                             : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
    text_free(&spaced);
    return status;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

enum status tokenizer_encode(const struct tokenizer *t, const char *text, size_t length, bool special, struct ids *out,
                             struct error *err)
{
    struct encoder e = {.t = t, .out = out};
    enum status status = OK;
    if (!utf8_valid(text, length))
        return error_set(err, ERR_INPUT, "text: is not UTF-8, expected UTF-8 to tokenize");
    for (size_t i = 0; special && i < t->prefix.n; i++)
        ids_add(out, t->prefix.data[i]);
    while (status == OK && length > 0) {
        size_t at = length;
        const struct added *a = find_added(t, text, length, &at);
        size_t plain = at, after = a ? at + a->length : length;
        while (a != NULL && a->lstrip && plain > 0 && is_space(text[plain - 1]))
            plain--;
        while (a != NULL && a->rstrip && after < length && is_space(text[after]))
            after++;
        status = encode_plain(&e, text, plain, err);
        if (status == OK && a != NULL && !ids_add(out, a->id))
            status = error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
        text += after;
        length -= after;
    }
    for (size_t i = 0; special && status == OK && i < t->suffix.n; i++)
        ids_add(out, t->suffix.data[i]);
    free(e.work.id);
    free(e.work.heap);
    return status;
}

enum status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool special, struct text *out,
                             struct error *err)
{
    bool ok = text_add(out, "", 0);
    for (size_t i = 0; i < n && ok; i++) {
        const struct piece *p = ids[i] >= 0 && (size_t)ids[i] < t->n_pieces ? &t->pieces[ids[i]] : NULL;
        if (p != NULL && p->bytes != NULL && (special || !p->special))
            ok = text_add(out, p->bytes, p->length);
    }
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->n_pieces;
}

size_t tokenizer_n_merges(const struct tokenizer *t)
{
    return t->n_merges;
}

const char *tokenizer_sha256(const struct tokenizer *t)
{
    return t->sha256;
}

int32_t tokenizer_added(const struct tokenizer *t, const char *content)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (strcmp(t->added[i].content, content) == 0)
            return t->added[i].id;
    return -1;
}
