/* tokenizer.c - look-ups, encoding and decoding; see tokenizer.h. Reading the file is in tokenizer_file.c. */
#include "base/file.h"
#include "base/random.h"
#include "lm/vocabulary.h"

#include <stdlib.h>
#include <string.h>

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
    const struct merge *m = vocabulary_merge(t, w->id[left], w->id[right]);
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

size_t utf8_width(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Symbols of a byte-level vocabulary: bytes; one that it lacks is dropped, as the library does. */
static size_t byte_symbols(const struct tokenizer *t, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (t->byte_id[(unsigned char)bytes[i]] >= 0)
            id[count++] = t->byte_id[(unsigned char)bytes[i]];
    return count;
}

/* Symbols of a vocabulary of characters: one that it lacks is its bytes, where they all have tokens, or unknown. */
static size_t character_symbols(const struct tokenizer *t, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    bool unknown_before = false;
    for (size_t i = 0, width; i < n; i += width) {
        width = utf8_width(bytes[i]);
        width = width < n - i ? width : n - i;
        int32_t whole = vocabulary_find(t, bytes + i, width);
        bool all = t->byte_fallback && whole < 0;
        for (size_t k = 0; k < width; k++)
            all = all && t->byte_id[(unsigned char)bytes[i + k]] >= 0;
        bool unknown = whole < 0 && !all;
        if (whole >= 0)
            id[count++] = whole;
        for (size_t k = 0; all && k < width; k++)
            id[count++] = t->byte_id[(unsigned char)bytes[i + k]];
        if (unknown && t->unknown >= 0 && !(unknown_before && t->fuse_unknown))
            id[count++] = t->unknown;
        unknown_before = unknown;
    }
    return count;
}

/* Where the vocabulary marks a word's last part, or all but its first, every symbol is looked up with its mark. */
static size_t marked_symbols(const struct tokenizer *t, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0, width; i < n; i += width) {
        struct text symbol = {0};
        width = t->byte_level ? 1 : utf8_width(bytes[i]);
        width = width < n - i ? width : n - i;
        bool ok = text_puts(&symbol, i > 0 && t->word_inside ? t->word_inside : "") && text_add(&symbol, bytes + i, width) &&
                  text_puts(&symbol, i + width == n && t->word_end ? t->word_end : "");
        int32_t found = ok ? vocabulary_find(t, symbol.data, symbol.len) : -1;
        if (found < 0)
            found = t->unknown;
        if (found >= 0 && !(found == t->unknown && t->fuse_unknown && count > 0 && id[count - 1] == t->unknown))
            id[count++] = found;
        text_free(&symbol);
    }
    return count;
}

static bool merge_piece(struct encoder *e, const char *bytes, size_t n)
{
    const struct tokenizer *t = e->t;
    struct merging *w = &e->work;
    bool marked = t->word_end != NULL || t->word_inside != NULL;
    int32_t whole = n <= t->longest && !marked ? vocabulary_find(t, bytes, n) : -1;
    if (whole >= 0 && (t->ignore_merges || t->pieces[whole].whole))
        return ids_add(e->out, whole);
    if (!reserve(w, n))
        return false;
    size_t count = marked          ? marked_symbols(t, w->id, bytes, n)
                   : t->byte_level ? byte_symbols(t, w->id, bytes, n)
                                   : character_symbols(t, w->id, bytes, n);
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
        w->id[c.at] = vocabulary_merge(t, c.left, c.right)->result;
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

static const char BLANK[] = "\xe2\x96\x81"; /* what stands for a blank in vocabularies of characters */
enum { BLANK_BYTES = sizeof BLANK - 1 };

static bool blank_at(const char *bytes, size_t n, size_t i)
{
    return n - i >= BLANK_BYTES && memcmp(bytes + i, BLANK, BLANK_BYTES) == 0;
}

/* The end of the word that begins at `from`: the next blank after something else. */
static size_t word_end(const char *bytes, size_t n, size_t from)
{
    bool began = false;
    for (size_t i = from; i < n; i++) {
        bool blank = blank_at(bytes, n, i);
        if (blank && began)
            return i;
        began = began || !blank;
        i += blank ? BLANK_BYTES - 1 : 0;
    }
    return n;
}

static bool encode_piece(void *context, const char *bytes, size_t n)
{
    struct encoder *e = context;
    bool ok = true;
    if (e->t->unigram)
        return unigram_encode(e->t, bytes, n, e->out);
    if (!e->t->cuts_words)
        return merge_piece(e, bytes, n);
    for (size_t from = 0, to; ok && from < n; from = to) {
        to = word_end(bytes, n, from);
        ok = merge_piece(e, bytes + from, to - from);
    }
    return ok;
}

enum status tokenizer_mark_whole(struct tokenizer *t, struct error *err)
{
    struct ids ids = {0};
    struct encoder e = {.t = t, .out = &ids};
    bool ok = true, cuts = !t->byte_level && vocabulary_find(t, BLANK, BLANK_BYTES) >= 0;
    for (size_t i = 0; i < t->n_pieces && ok; i++) {
        struct piece *p = &t->pieces[i];
        if (p->bytes == NULL)
            continue;
        ids.n = 0;
        ok = merge_piece(&e, p->bytes, p->length);
        p->whole = ids.n == 1 && ids.data[0] == (int32_t)i;
        cuts = cuts && word_end(p->bytes, p->length, 0) == p->length;
    }
    t->cuts_words = cuts;
    free(e.work.id);
    free(e.work.heap);
    ids_free(&ids);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}

/* Text between added tokens; `first`: nothing stands before it. */
static enum status encode_between(struct encoder *e, const char *text, size_t length, bool first, struct error *err)
{
    const struct tokenizer *t = e->t;
    bool space = pretokenizer_adds_space(t->pretokenizer) && text[0] != ' ';
    struct text changed = {0};
    enum status status = OK;
    if (!space && normalizer_is_empty(t->blanks))
        return pretokenizer_split(t->pretokenizer, text, length, encode_piece, e, err);
    if (space && !text_puts(&changed, " "))
        status = error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
    if (status == OK)
        status = normalizer_apply(t->blanks, &changed, text, length, first, false, err);
    if (status == OK)
        status = pretokenizer_split(t->pretokenizer, changed.data, changed.len, encode_piece, e, err);
    text_free(&changed);
    return status;
}

/* Text that the normalizer has changed, without the added tokens that are not looked for in it. */
static enum status encode_changed(struct encoder *e, const char *text, size_t length, bool first, struct error *err)
{
    size_t at = 0, from = 0, to = 0;
    enum status status = OK;
    while (status == OK && at < length) {
        const struct added *a = added_find(e->t->normalized, text, length, at, &from, &to);
        size_t plain = (a ? from : length) - at;
        if (plain > 0)
            status = encode_between(e, text + at, plain, first && at == 0, err);
        if (status == OK && a != NULL && !ids_add(e->out, a->id))
            status = error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
        at = a ? to : length;
    }
    return status;
}

static enum status encode_plain(struct encoder *e, const char *text, size_t length, bool first, bool last, struct error *err)
{
    struct text changed = {0};
    if (length == 0)
        return OK;
    if (normalizer_is_empty(e->t->normalizer))
        return encode_changed(e, text, length, first, err);
    enum status status = normalizer_apply(e->t->normalizer, &changed, text, length, first, last, err);
    if (status == OK)
        status = encode_changed(e, changed.data ? changed.data : "", changed.len, first, err);
    text_free(&changed);
    return status;
}

enum status tokenizer_encode(const struct tokenizer *t, const char *text, size_t length, bool special, struct ids *out,
                             struct error *err)
{
    struct encoder e = {.t = t, .out = out};
    enum status status = OK;
    size_t at = 0, from = 0, to = 0;
    if (!utf8_valid(text, length))
        return error_set(err, ERR_INPUT, "text: is not UTF-8, expected UTF-8 to tokenize");
    for (size_t i = 0; special && i < t->prefix.n; i++)
        ids_add(out, t->prefix.data[i]);
    while (status == OK && at < length) {
        const struct added *a = added_find(t->verbatim, text, length, at, &from, &to);
        status = encode_plain(&e, text + at, (a ? from : length) - at, at == 0, a == NULL, err);
        if (status == OK && a != NULL && !ids_add(out, a->id))
            status = error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
        at = a ? to : length;
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
    bool ok = text_add(out, "", 0), start = t->strip_first && out->len == 0;
    for (size_t i = 0; i < n && ok; i++) {
        const struct piece *p = ids[i] >= 0 && (size_t)ids[i] < t->n_pieces ? &t->pieces[ids[i]] : NULL;
        if (p == NULL || (p->special && !special))
            continue;
        size_t length;
        const char *text = tokenizer_piece(t, ids[i], &length);
        bool strip = start && length > 0 && text[0] == ' ';
        start = false;
        ok = text_add(out, text + strip, length - strip);
    }
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}

const char *tokenizer_piece(const struct tokenizer *t, int32_t id, size_t *length)
{
    static const struct piece none;
    const struct piece *p = (size_t)id < t->n_pieces ? &t->pieces[id] : &none;
    *length = p->text ? p->text_length : p->bytes ? p->length : 0;
    return p->text ? p->text : p->bytes ? p->bytes : "";
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->prefix.n ? t->prefix.data[0] : -1;
}

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->n_pieces;
}

size_t tokenizer_beyond(const struct tokenizer *t, size_t vocab_size)
{
    return t->n_pieces > vocab_size ? t->n_pieces - vocab_size : 0;
}

enum status tokenizer_fits(const struct tokenizer *t, size_t vocab_size, const char *folder, struct error *err)
{
    for (size_t i = vocab_size; i < t->n_pieces; i++)
        if (t->pieces[i].bytes != NULL)
            return error_set(err, ERR_INPUT, "%s: the tokenizer has %zu tokens, expected at most the model's vocab_size %zu",
                             folder, t->n_pieces, vocab_size);
    return OK;
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
