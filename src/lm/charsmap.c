/* charsmap.c - see charsmap.h. */
#include "lm/charsmap.h"

#include <nettle/base64.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct charsmap {
    uint8_t *bytes;
    size_t n_units, n_strings; /* of the array, and bytes of the replacements after it */
    bool longest;
};

enum status charsmap_from_base64(struct charsmap **map, const char *text, bool longest, const char *path, struct error *err)
{
    struct base64_decode_ctx context;
    size_t length = strlen(text), n = BASE64_DECODE_LENGTH(length);
    struct charsmap *m = calloc(1, sizeof *m);
    *map = m;
    if (m == NULL || (m->bytes = calloc(1, n + 5)) == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    base64_decode_init(&context);
    bool ok = base64_decode_update(&context, &n, m->bytes, length, text) && base64_decode_final(&context) && n >= 4;
    uint32_t array = 0;
    memcpy(&array, m->bytes, 4);
    if (!ok || array % 4 != 0 || array < 4 || array > n - 4)
        return error_set(err, ERR_INPUT, "%s: key 'precompiled_charsmap' is wrong, expected SentencePiece's table in base64",
                         path);
    m->n_units = array / 4;
    m->n_strings = n - 4 - array; /* a NUL stands after them */
    m->longest = longest;
    return OK;
}

void charsmap_free(struct charsmap *m)
{
    if (m != NULL)
        free(m->bytes);
    free(m);
}

static uint32_t unit(const struct charsmap *m, size_t i)
{
    uint32_t u = 0;
    if (i < m->n_units)
        memcpy(&u, m->bytes + 4 + 4 * i, 4);
    return u;
}

/* The bits of a unit: the step to its children, its label, whether a value hangs below. */
static size_t step(uint32_t u)
{
    return (size_t)(u >> 10) << ((u & 1u << 9) >> 6);
}

/* The replacement of the shortest or longest match at the start of the text, and the match's length; NULL when there is none. */
static const char *match(const struct charsmap *m, const char *text, size_t length, size_t *matched)
{
    size_t node = step(unit(m, 0));
    const char *found = NULL;
    for (size_t i = 0; i < length; i++) {
        node ^= (unsigned char)text[i];
        uint32_t u = unit(m, node);
        if ((u & (1u << 31 | 0xff)) != (unsigned char)text[i])
            break;
        node ^= step(u);
        if (!(u >> 8 & 1))
            continue;
        size_t at = unit(m, node) & ~(1u << 31);
        if (at >= m->n_strings)
            break;
        found = (const char *)m->bytes + 4 + 4 * m->n_units + at;
        *matched = i + 1;
        if (!m->longest)
            break;
    }
    return found;
}

static size_t character(const char *text, size_t length, utf8proc_int32_t *c)
{
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, c);
    return n > 0 ? (size_t)n : 1;
}

/* Bytes of the grapheme at the start of a text. */
static size_t grapheme(const char *text, size_t length)
{
    utf8proc_int32_t before, after, state = 0;
    size_t n = character(text, length, &before);
    while (n < length) {
        size_t width = character(text + n, length - n, &after);
        if (utf8proc_grapheme_break_stateful(before, after, &state))
            break;
        before = after;
        n += width;
    }
    return n;
}

static bool apply_graphemes(const struct charsmap *m, struct text *out, const char *text, size_t length)
{
    enum { SHORT = 6 };
    bool ok = true;
    for (size_t i = 0, n, matched; ok && i < length; i += n) {
        n = grapheme(text + i, length - i);
        const char *whole = n < SHORT ? match(m, text + i, n, &matched) : NULL;
        utf8proc_int32_t c;
        for (size_t j = 0, width; whole == NULL && ok && j < n; j += width) {
            width = character(text + i + j, n - j, &c);
            const char *to = match(m, text + i + j, width, &matched);
            ok = to ? text_puts(out, to) : text_add(out, text + i + j, width);
        }
        ok = ok && (whole == NULL || text_puts(out, whole));
    }
    return ok;
}

bool charsmap_apply(const struct charsmap *m, struct text *out, const char *text, size_t length)
{
    bool ok = true;
    if (!m->longest)
        return apply_graphemes(m, out, text, length);
    for (size_t i = 0, n; ok && i < length; i += n) {
        utf8proc_int32_t c;
        const char *to = match(m, text + i, length - i, &n);
        if (to == NULL)
            n = character(text + i, length - i, &c);
        ok = to ? text_puts(out, to) : text_add(out, text + i, n);
    }
    return ok;
}
