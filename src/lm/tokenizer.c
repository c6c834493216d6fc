/* tokenizer.c - encoding, decoding and look-ups; see tokenizer.h. */
#include "lm/tokenizer.h"

#include "base/file.h"
#include "base/utf8.h"
#include "lm/merging.h"
#include "lm/tokenizer_parts.h"
#include "lm/unigram.h"

#include <string.h>

struct encoder {
    const struct tokenizer *t;
    struct ids *out;
    struct merging work;
};

static bool encode_piece(void *context, const char *bytes, size_t n)
{
    struct encoder *e = context;
    const struct vocabulary *v = &e->t->vocabulary;
    return v->unigram ? unigram_encode(v, bytes, n, e->out) : merging_encode(v, &e->work, bytes, n, e->out);
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
    merging_free(&e.work);
    return status;
}

enum status tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool special, struct text *out,
                             struct error *err)
{
    bool ok = text_add(out, "", 0), start = t->strip_first && out->len == 0;
    for (size_t i = 0; i < n && ok; i++) {
        const struct piece *p = ids[i] >= 0 && (size_t)ids[i] < t->vocabulary.n_pieces ? &t->vocabulary.pieces[ids[i]] : NULL;
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
    const struct piece *p = (size_t)id < t->vocabulary.n_pieces ? &t->vocabulary.pieces[id] : &none;
    *length = p->text ? p->text_length : p->bytes ? p->length : 0;
    return p->text ? p->text : p->bytes ? p->bytes : "";
}

int32_t tokenizer_bos(const struct tokenizer *t)
{
    return t->prefix.n ? t->prefix.data[0] : -1;
}

size_t tokenizer_size(const struct tokenizer *t)
{
    return t->vocabulary.n_pieces;
}

size_t tokenizer_beyond(const struct tokenizer *t, size_t vocab_size)
{
    return t->vocabulary.n_pieces > vocab_size ? t->vocabulary.n_pieces - vocab_size : 0;
}

enum status tokenizer_fits(const struct tokenizer *t, size_t vocab_size, const char *folder, struct error *err)
{
    for (size_t i = vocab_size; i < t->vocabulary.n_pieces; i++)
        if (t->vocabulary.pieces[i].bytes != NULL)
            return error_set(err, ERR_INPUT, "%s: the tokenizer has %zu tokens, expected at most the model's vocab_size %zu",
                             folder, t->vocabulary.n_pieces, vocab_size);
    return OK;
}

size_t tokenizer_n_merges(const struct tokenizer *t)
{
    return t->vocabulary.n_merges;
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
