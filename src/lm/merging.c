/* merging.c - see merging.h. */
#include "lm/merging.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* A candidate merge in the heap: lowest rank first, then leftmost. */
struct candidate {
    int32_t rank, at, left, right;
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

static void consider(const struct vocabulary *v, struct merging *w, int32_t left)
{
    int32_t right = left < 0 ? -1 : w->next[left];
    if (left < 0 || right < 0)
        return;
    const struct merge *m = vocabulary_merge(v, w->id[left], w->id[right]);
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

/* Symbols of a byte-level vocabulary: bytes; one that it lacks is dropped, as the library does. */
static size_t byte_symbols(const struct vocabulary *v, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (v->byte_id[(unsigned char)bytes[i]] >= 0)
            id[count++] = v->byte_id[(unsigned char)bytes[i]];
    return count;
}

/* Symbols of a vocabulary of characters: one that it lacks is its bytes, where they all have tokens, or unknown. */
static size_t character_symbols(const struct vocabulary *v, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    bool unknown_before = false;
    for (size_t i = 0, width; i < n; i += width) {
        width = utf8_width(bytes[i]);
        width = width < n - i ? width : n - i;
        int32_t whole = vocabulary_find(v, bytes + i, width);
        bool all = v->byte_fallback && whole < 0;
        for (size_t k = 0; k < width; k++)
            all = all && v->byte_id[(unsigned char)bytes[i + k]] >= 0;
        bool unknown = whole < 0 && !all;
        if (whole >= 0)
            id[count++] = whole;
        for (size_t k = 0; all && k < width; k++)
            id[count++] = v->byte_id[(unsigned char)bytes[i + k]];
        if (unknown && v->unknown >= 0 && !(unknown_before && v->fuse_unknown))
            id[count++] = v->unknown;
        unknown_before = unknown;
    }
    return count;
}

/* Where the vocabulary marks a word's last part, or all but its first, every symbol is looked up with its mark. */
static size_t marked_symbols(const struct vocabulary *v, int32_t *id, const char *bytes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0, width; i < n; i += width) {
        struct text symbol = {0};
        width = v->byte_level ? 1 : utf8_width(bytes[i]);
        width = width < n - i ? width : n - i;
        bool ok = text_puts(&symbol, i > 0 && v->word_inside ? v->word_inside : "") && text_add(&symbol, bytes + i, width) &&
                  text_puts(&symbol, i + width == n && v->word_end ? v->word_end : "");
        int32_t found = ok ? vocabulary_find(v, symbol.data, symbol.len) : -1;
        if (found < 0)
            found = v->unknown;
        if (found >= 0 && !(found == v->unknown && v->fuse_unknown && count > 0 && id[count - 1] == v->unknown))
            id[count++] = found;
        text_free(&symbol);
    }
    return count;
}

static bool merge_piece(const struct vocabulary *v, struct merging *w, const char *bytes, size_t n, struct ids *out)
{
    bool marked = v->word_end != NULL || v->word_inside != NULL;
    int32_t whole = n <= v->longest && !marked ? vocabulary_find(v, bytes, n) : -1;
    if (whole >= 0 && (v->ignore_merges || v->pieces[whole].whole))
        return ids_add(out, whole);
    if (!reserve(w, n))
        return false;
    size_t count = marked          ? marked_symbols(v, w->id, bytes, n)
                   : v->byte_level ? byte_symbols(v, w->id, bytes, n)
                                   : character_symbols(v, w->id, bytes, n);
    for (size_t i = 0; i < count; i++) {
        w->next[i] = i + 1 < count ? (int32_t)i + 1 : -1;
        w->previous[i] = (int32_t)i - 1;
    }
    w->n_heap = 0;
    for (size_t i = 0; i + 1 < count; i++)
        consider(v, w, (int32_t)i);
    while (w->n_heap > 0) {
        struct candidate c = heap_pop(w);
        int32_t right = w->next[c.at];
        if (w->id[c.at] != c.left || right < 0 || w->id[right] != c.right)
            continue; /* one of the two has been merged since */
        w->id[c.at] = vocabulary_merge(v, c.left, c.right)->result;
        w->id[right] = -1;
        w->next[c.at] = w->next[right];
        if (w->next[right] >= 0)
            w->previous[w->next[right]] = c.at;
        consider(v, w, w->previous[c.at]);
        consider(v, w, c.at);
    }
    for (int32_t i = count ? 0 : -1; i >= 0; i = w->next[i])
        if (!ids_add(out, w->id[i]))
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

bool merging_encode(const struct vocabulary *v, struct merging *work, const char *bytes, size_t n, struct ids *out)
{
    bool ok = true;
    if (!v->cuts_words)
        return merge_piece(v, work, bytes, n, out);
    for (size_t from = 0, to; ok && from < n; from = to) {
        to = word_end(bytes, n, from);
        ok = merge_piece(v, work, bytes + from, to - from, out);
    }
    return ok;
}

void merging_free(struct merging *work)
{
    free(work->id);
    free(work->heap);
}

enum status merging_mark_whole(struct vocabulary *v, struct error *err)
{
    struct ids ids = {0};
    struct merging work = {0};
    bool ok = true, cuts = !v->byte_level && vocabulary_find(v, BLANK, BLANK_BYTES) >= 0;
    for (size_t i = 0; i < v->n_pieces && ok; i++) {
        struct piece *p = &v->pieces[i];
        if (p->bytes == NULL)
            continue;
        ids.n = 0;
        ok = merge_piece(v, &work, p->bytes, p->length, &ids);
        p->whole = ids.n == 1 && ids.data[0] == (int32_t)i;
        cuts = cuts && word_end(p->bytes, p->length, 0) == p->length;
    }
    v->cuts_words = cuts;
    merging_free(&work);
    ids_free(&ids);
    return ok ? OK : error_set(err, ERR_SYSTEM, "tokenizer: out of memory");
}
