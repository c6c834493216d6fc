/* corpus.c - see corpus.h. */
#include "train/corpus.h"

#include "base/file.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* The last 1/32 of every book is kept for the validation loss. */
enum { VALIDATION_SHARE = 32 };

/* Fewer than one byte in ten that shows? */
static bool is_blank(const char *text, size_t n)
{
    size_t shown = 0;
    for (size_t i = 0; i < n; i++)
        shown += (unsigned char)text[i] > ' ';
    return shown < n / 10;
}

enum status corpus_load(struct corpus *c, const char *const *paths, size_t n, struct error *err)
{
    *c = (struct corpus){.books = calloc(n ? n : 1, sizeof(struct book)), .digest = HASH_START};
    enum status status = c->books ? OK : error_set(err, ERR_SYSTEM, "corpus: out of memory");
    for (size_t i = 0; i < n && status == OK; i++) {
        struct book *b = &c->books[c->n++];
        status = file_exists(paths[i])
                     ? file_read(&b->text, &b->length, paths[i], err)
                     : error_set(err, ERR_INPUT,
                                 "%s: is not there, expected a text (tools/fetch-corpus gets those of data/corpus)", paths[i]);
        if (status == OK && is_blank(b->text, b->length))
            status = error_set(err, ERR_INPUT, "%s: is blank, expected a text", paths[i]);
        if (status == OK && (!utf8_valid(b->text, b->length) || b->length < 10000))
            status = error_set(err, ERR_INPUT, "%s: is short or not UTF-8, expected a text of at least 10000 bytes", paths[i]);
        c->total += b->length;
        c->digest = status == OK ? hash_bytes(c->digest, b->text, b->length + 1) : 0;
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

/* The start of the character at or after `at`. */
static size_t character_start(const char *text, size_t at, size_t end)
{
    while (at < end && ((unsigned char)text[at] & 0xC0u) == 0x80u)
        at++;
    return at;
}

/* One past the next sentence or line end at or after `at`; where there is none near, one past the next blank; else the
 * start of a character. */
static size_t sentence_end(const char *text, size_t at, size_t end)
{
    enum { NEAR = 2000 };
    size_t limit = end - at < NEAR ? end : at + NEAR;
    for (size_t i = at; i < limit; i++)
        if (text[i] == '\n' || (strchr(".!?", text[i]) != NULL && (i + 1 == end || text[i + 1] == ' ' || text[i + 1] == '\n')))
            return i + 1;
    for (size_t i = at; i < limit; i++)
        if (text[i] == ' ')
            return i + 1;
    return character_start(text, at, end);
}

void corpus_passage(const struct corpus *c, struct rng *rng, size_t length, struct text *out)
{
    size_t at = (size_t)rng_below(rng, c->total), i = 0;
    while (at >= c->books[i].length)
        at -= c->books[i++].length;
    const struct book *b = &c->books[i];
    size_t split = character_start(b->text, b->length - b->length / VALIDATION_SHARE, b->length);
    size_t low = c->validation ? split : 0, high = c->validation ? b->length : split, room = high - low;
    length = length < room / 2 ? length : room / 2;
    size_t begin = low + (size_t)rng_below(rng, room - length), from = sentence_end(b->text, begin, high);
    while (from < high && (b->text[from] == ' ' || b->text[from] == '\n'))
        from++;
    if (from == high) /* no sentence begins behind it */
        from = character_start(b->text, begin, high);
    size_t to = sentence_end(b->text, from + length < high ? from + length : high, high);
    text_add(out, b->text + from, to - from);
    while (out->len > 0 && out->data[out->len - 1] == '\n')
        out->data[--out->len] = '\0';
}
