/* corpus.c - see corpus.h. */
#include "train/corpus.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* The last 1/32 of every book is kept for the validation loss. */
enum { VALIDATION_SHARE = 32 };

enum status corpus_load(struct corpus *c, const char *const *paths, size_t n, struct error *err)
{
    *c = (struct corpus){.books = calloc(n ? n : 1, sizeof(struct book))};
    enum status status = c->books ? OK : error_set(err, ERR_SYSTEM, "corpus: out of memory");
    for (size_t i = 0; i < n && status == OK; i++) {
        struct book *b = &c->books[c->n++];
        status = file_read(&b->text, &b->length, paths[i], err);
        if (status == OK && (!utf8_valid(b->text, b->length) || b->length < 10000))
            status = error_set(err, ERR_INPUT, "%s: is short or not UTF-8, expected a text of at least 10000 bytes", paths[i]);
        c->total += b->length;
    }
    if (status != OK)
        corpus_free(c);
    return status;
}

void corpus_free(struct corpus *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->books[i].text);
    free(c->books);
    *c = (struct corpus){0};
}

/* One past the next sentence or line end at or after `at`. */
static size_t sentence_end(const char *text, size_t at, size_t end)
{
    for (; at < end; at++)
        if (text[at] == '\n' ||
            (strchr(".!?", text[at]) != NULL && (at + 1 == end || text[at + 1] == ' ' || text[at + 1] == '\n')))
            return at + 1;
    return end;
}

void corpus_passage(const struct corpus *c, struct rng *rng, size_t length, struct text *out)
{
    size_t at = (size_t)rng_below(rng, c->total), i = 0;
    while (at >= c->books[i].length)
        at -= c->books[i++].length;
    const struct book *b = &c->books[i];
    size_t split = b->length - b->length / VALIDATION_SHARE, low = c->validation ? split : 0,
           high = c->validation ? b->length : split;
    size_t room = high - low;
    length = length < room / 2 ? length : room / 2;
    size_t from = sentence_end(b->text, low + (size_t)rng_below(rng, room - length), high);
    while (from < high && (b->text[from] == ' ' || b->text[from] == '\n'))
        from++;
    size_t to = sentence_end(b->text, from + length < high ? from + length : high, high);
    text_add(out, b->text + from, to - from);
    while (out->len > 0 && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
}
