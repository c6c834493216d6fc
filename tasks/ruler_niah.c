/* ruler_niah.c - needles of RULER (niah_*: keys with values in a haystack), and chains of variables (vt). */
#include "base/random.h"
#include "suite/haystack.h"
#include "suite/template.h"
#include "tasks/ruler_prompt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4, DEPTHS = 40, HOPS = 4 }; /* needles of a configuration; places in a book; steps of a chain */
/* Random streams of a prompt. */
enum { STREAM_NEEDLES, STREAM_PLACES, STREAM_LINES };

static const char *const VALUES[] = {"words", "numbers", "uuids"};

static void draw_value(struct text *out, const struct ruler_build *b, enum ruler_value kind, struct rng *rng)
{
    const struct ruler_material *m = b->m;
    out->len = 0;
    if (kind == VALUE_NUMBERS) { /* seven digits */
        text_printf(out, "%d", (int)(1000000 + rng_below(rng, 9000000)));
    } else if (kind == VALUE_WORDS) {
        const char *adjective = m->adjectives.word[rng_below(rng, m->adjectives.n)];
        text_printf(out, "%s-%s", adjective, m->nouns.word[rng_below(rng, m->nouns.n)]);
    } else { /* version 4 of RFC 4122 */
        uint64_t high = (rng_u64(rng) & ~(uint64_t)0xf000) | 0x4000;
        uint64_t low = (rng_u64(rng) & ~((uint64_t)3 << 62)) | (uint64_t)1 << 63;
        text_printf(out, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
                    (unsigned)(high & 0xffff), (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffff));
    }
}

/* Appends the sentence that gives a key its value. */
static void write_needle(struct text *out, const struct ruler_build *b, const char *key, const char *value)
{
    cJSON *holes = cJSON_CreateObject();
    struct error ignored = {0}; /* the form's templates are tried before anything runs */
    cJSON_AddItemToObject(holes, "type", cJSON_CreateStringReference(VALUES[b->config->value]));
    cJSON_AddItemToObject(holes, "key", cJSON_CreateStringReference(key));
    cJSON_AddItemToObject(holes, "value", cJSON_CreateStringReference(value));
    template_expand(out, b->m->form.needle, holes, b->m->form.file.path, &ignored);
    cJSON_Delete(holes);
}

/* k different ones of 0 .. n - 1 in ascending order (Floyd). */
static void draw_places(struct rng *rng, size_t n, size_t k, size_t *out)
{
    for (size_t i = 0; i < k; i++) {
        size_t place = (size_t)rng_below(rng, n - k + i + 1), at = 0;
        for (size_t j = 0; j < i; j++)
            place = out[j] == place ? n - k + i : place;
        while (at < i && out[at] < place)
            at++;
        memmove(out + at + 1, out + at, (i - at) * sizeof *out);
        out[at] = place;
    }
}

struct needles {
    struct text sentence[MOST], key[MOST]; /* [n] in the order in which they stand; [config->keys] */
    bool asked[MOST];
    size_t n;
};

/* Keys, values, and which keys are asked for. */
static void draw_needles(struct needles *needles, struct ruler_build *b)
{
    const struct ruler_config *c = b->config;
    struct rng rng = ruler_stream(b, STREAM_NEEDLES);
    size_t order[MOST], asked[MOST];
    struct text value[MOST] = {0}, query = {0};
    needles->n = c->keys * c->values;
    for (size_t k = 0; k < c->keys; k++) {
        bool fresh;
        do { /* two needles of one key would have one answer too many */
            draw_value(&needles->key[k], b, c->key, &rng);
            fresh = true;
            for (size_t j = 0; j < k; j++)
                fresh = fresh && strcmp(needles->key[j].data, needles->key[k].data) != 0;
        } while (!fresh);
        for (size_t v = 0; v < c->values; v++)
            draw_value(&value[k * c->values + v], b, c->value, &rng);
    }
    rng_permutation(&rng, asked, c->keys); /* the first `queries` of them, in this order */
    rng_permutation(&rng, order, needles->n);
    for (size_t q = 0; q < c->queries; q++) {
        const char *joint = q == 0 ? "" : q + 1 == c->queries ? ", and " : ", ";
        text_printf(&query, "%s%s", joint, needles->key[asked[q]].data);
        for (size_t v = 0; v < c->values; v++)
            cJSON_AddItemToArray(b->answers, cJSON_CreateString(value[asked[q] * c->values + v].data));
    }
    for (size_t i = 0; i < needles->n; i++) {
        size_t key = order[i] / c->values;
        write_needle(&needles->sentence[i], b, needles->key[key].data, value[order[i]].data);
        for (size_t q = 0; q < c->queries; q++)
            needles->asked[i] = needles->asked[i] || asked[q] == key;
    }
    ruler_hole(b->holes, "query", query.data);
    text_free(&query);
    for (size_t i = 0; i < needles->n; i++)
        text_free(&value[i]);
}

static void add_needle(struct ruler_build *b, const struct needles *needles, size_t i)
{
    size_t from = b->context.len;
    text_add(&b->context, needles->sentence[i].data, needles->sentence[i].len);
    if (needles->asked[i])
        ruler_mark(b, from);
}

/* Where the sentence of that number begins, counting from one that begins at `at`. */
static size_t skip_sentences(const struct text *hay, size_t at, size_t n)
{
    while (n > 0 && at < hay->len) {
        at++;
        if (at == hay->len || (hay->data[at - 1] == ' ' && haystack_sentence_ends(hay->data, hay->len, at - 1)))
            n--;
    }
    return at;
}

static size_t count_sentences(const struct text *hay)
{
    size_t n = 0;
    for (size_t at = 0; at < hay->len; n++)
        at = skip_sentences(hay, at, 1);
    return n;
}

/* The first words of the book, with each needle after a share of the sentences: 40 depths from 0 to 100 %, none twice. */
static void write_book(struct ruler_build *b, const struct needles *needles, size_t words)
{
    struct rng rng = ruler_stream(b, STREAM_PLACES);
    struct text hay = {0};
    size_t places[MOST] = {0}, at = 0, before = 0;
    ruler_book_text(&b->m->book, words, &hay);
    size_t sentences = count_sentences(&hay);
    draw_places(&rng, DEPTHS, needles->n, places);
    for (size_t i = 0; i < needles->n; i++) {
        size_t depth = (size_t)rint(100.0 * (double)places[i] / (DEPTHS - 1)), sentence = sentences * depth / 100;
        size_t to = skip_sentences(&hay, at, sentence - before);
        text_add(&b->context, hay.data + at, to - at - (to > at && hay.data[to - 1] == ' '));
        text_puts(&b->context, " ");
        add_needle(b, needles, i);
        text_puts(&b->context, " ");
        at = to;
        before = sentence;
    }
    text_add(&b->context, hay.data + at, hay.len - at);
    text_free(&hay);
}

/* A needle of other keys than those that are asked for. */
static void add_other(struct ruler_build *b, const struct needles *needles, size_t line)
{
    struct rng rng = ruler_stream(b, STREAM_LINES + line);
    struct text key = {0}, value = {0};
    bool fresh;
    do {
        draw_value(&key, b, b->config->key, &rng);
        fresh = true;
        for (size_t k = 0; k < b->config->keys; k++)
            fresh = fresh && strcmp(key.data, needles->key[k].data) != 0;
    } while (!fresh);
    draw_value(&value, b, b->config->value, &rng);
    write_needle(&b->context, b, key.data, value.data);
    text_free(&key);
    text_free(&value);
}

static void begin_line(struct ruler_build *b)
{
    if (b->context.len > 0)
        text_puts(&b->context, "\n");
}

/* Lines of noise, or of other needles, and each needle on a line of its own before one of them. */
static void write_lines(struct ruler_build *b, const struct needles *needles, size_t lines)
{
    struct rng rng = ruler_stream(b, STREAM_PLACES);
    size_t places[MOST] = {0}, next = 0;
    draw_places(&rng, lines, needles->n, places);
    for (size_t i = 0; i < lines; i++) {
        for (; next < needles->n && places[next] == i; next++) {
            begin_line(b);
            add_needle(b, needles, next);
        }
        begin_line(b);
        if (b->config->hay == HAY_NOISE)
            text_puts(&b->context, b->m->form.noise);
        else
            add_other(b, needles, i);
    }
}

static void write_niah(struct ruler_build *b, size_t size)
{
    const struct ruler_config *c = b->config;
    struct needles needles = {0};
    bool one = c->queries * c->values == 1;
    char type[16];
    snprintf(type, sizeof type, "%.*s", (int)strlen(VALUES[c->value]) - one, VALUES[c->value]);
    ruler_hole(b->holes, "type", type);
    b->template = one ? b->m->form.niah_one : b->m->form.niah;
    draw_needles(&needles, b);
    if (c->hay == HAY_BOOK)
        write_book(b, &needles, size);
    else
        write_lines(b, &needles, size);
    for (size_t i = 0; i < MOST; i++) {
        text_free(&needles.sentence[i]);
        text_free(&needles.key[i]);
    }
}

static size_t least_niah(const struct ruler_build *b)
{
    return b->config->keys * b->config->values;
}

const struct ruler_kind RULER_NIAH = {128, false, least_niah, write_niah};

/* vt: VAR A = 12345, VAR B = VAR A, .. in order between lines of noise; all names are asked for. */
static void write_vt(struct ruler_build *b, size_t size)
{
    enum { NAME = 5, N = HOPS + 1 };
    struct rng rng = ruler_stream(b, STREAM_NEEDLES), lines = ruler_stream(b, STREAM_PLACES);
    char name[N][NAME + 1] = {0}, number[16];
    size_t places[N] = {0}, next = 0;
    for (size_t i = 0; i < N; i++) {
        bool fresh;
        do {
            fresh = true;
            for (size_t k = 0; k < NAME; k++)
                name[i][k] = (char)('A' + rng_below(&rng, 26));
            for (size_t j = 0; j < i; j++)
                fresh = fresh && strcmp(name[i], name[j]) != 0;
        } while (!fresh);
        cJSON_AddItemToArray(b->answers, cJSON_CreateString(name[i]));
    }
    snprintf(number, sizeof number, "%d", (int)(10000 + rng_below(&rng, 89999)));
    draw_places(&lines, size, N, places);
    for (size_t i = 0; i < size; i++) {
        for (; next < N && places[next] == i; next++) {
            begin_line(b);
            size_t from = b->context.len;
            if (next == 0)
                text_printf(&b->context, "VAR %s = %s", name[0], number);
            else
                text_printf(&b->context, "VAR %s = VAR %s ", name[next], name[next - 1]);
            ruler_mark(b, from);
        }
        begin_line(b);
        text_puts(&b->context, b->m->form.noise);
    }
    b->template = b->m->form.vt;
    ruler_hole(b->holes, "query", number);
    snprintf(number, sizeof number, "%d", N);
    ruler_hole(b->holes, "count", number);
}

static size_t least_vt(const struct ruler_build *b)
{
    (void)b;
    return HOPS + 1;
}

const struct ruler_kind RULER_VT = {30, false, least_vt, write_vt};
