/* needle_prompt.c - see needle_prompt.h.
 *
 * The prompt is a text, encoded as one: where its parts stand follows from what it is made of. Its length in tokens is met by
 * taking more or less of the haystack. */
#include "tasks/needle_prompt.h"

#include "base/random.h"
#include "lm/holdout.h"

#include <stdlib.h>
#include <string.h>

enum status needle_check_template(const char *template, struct error *err)
{
    static const char *const holes[] = {"{context}", "{question}"};
    for (size_t i = 0; i < 2; i++) {
        const char *first = strstr(template, holes[i]);
        if (first == NULL || strstr(first + 1, holes[i]) != NULL)
            return error_set(err, ERR_USAGE, "--template: %s is %s, expected it once", holes[i],
                             first ? "there twice" : "missing");
    }
    if (strstr(template, holes[0]) > strstr(template, holes[1]))
        return error_set(err, ERR_USAGE, "--template: {question} stands before {context}, expected the question after the text");
    return OK;
}

/* A needle and its place. */
struct placed {
    bool asked;
    size_t index;      /* the asked ones are 0 .. asked - 1, in the order of the question */
    double depth;      /* percent of the haystack's tokens */
    size_t at;         /* byte of the haystack before which it stands */
    struct span bytes; /* in the prompt's text */
};

struct build {
    const struct needle_request *r;
    struct needle_prompt *p;
    struct text head, tail; /* template before and after the context */
    struct text hay;        /* more of the haystack than is needed */
    size_t *end;            /* [n_ends] where its tokens end, in bytes */
    size_t n_ends;
    struct placed *needles;
    size_t *city; /* [needles] */
    long *number;
    struct span context; /* bytes of the prompt's text */
};

/* "What is the special magic number for A?" or "What are the special magic numbers for A, B, and C?" */
static void write_question(const struct build *b, struct text *out)
{
    size_t n = b->r->asked;
    text_puts(out, n == 1 ? "What is the special magic number for " : "What are the special magic numbers for ");
    for (size_t i = 0; i < n; i++)
        text_printf(out, "%s%s%s", n > 1 && i + 1 == n ? "and " : "", HOLDOUT_CITIES[b->city[i]], i + 1 < n ? ", " : "?");
}

/* The template with \n for line breaks and the question in place, cut at {context}. */
static enum status write_template(struct build *b, struct error *err)
{
    struct text *out = &b->head;
    text_puts(&b->head, "");
    text_puts(&b->tail, "");
    for (const char *t = b->r->template; *t != '\0'; t++) {
        if (strncmp(t, "{context}", 9) == 0) {
            out = &b->tail;
            t += 8;
        } else if (strncmp(t, "{question}", 10) == 0) {
            write_question(b, out);
            t += 9;
        } else if (t[0] == '\\' && t[1] == 'n') {
            text_puts(out, "\n");
            t++;
        } else {
            text_add(out, t, 1);
        }
    }
    return b->tail.data && b->head.data ? OK : error_set(err, ERR_SYSTEM, "prompt: out of memory");
}

static enum status draw_needles(struct build *b, struct rng *rng, struct error *err)
{
    size_t *order = mem_array(N_HOLDOUT_CITIES, sizeof *order);
    if (order == NULL)
        return error_set(err, ERR_SYSTEM, "prompt: out of memory");
    rng_permutation(rng, order, N_HOLDOUT_CITIES);
    for (size_t i = 0; i < b->r->needles; i++) {
        bool fresh, asked = i < b->r->asked;
        b->city[i] = order[i];
        do { /* 7 digits, different ones in one prompt */
            fresh = true;
            b->number[i] = holdout_number(rng, 7, true);
            for (size_t j = 0; j < i; j++)
                fresh = fresh && b->number[j] != b->number[i];
        } while (!fresh);
        b->needles[i] = (struct placed){.asked = asked, .index = i, .depth = asked ? b->r->depth : 100 * rng_unit(rng)};
    }
    free(order);
    return OK;
}

/* Where the tokens of the haystack's text end: what each stands for, in proportion where a normalizer changes the length. */
static enum status measure_hay(struct build *b, const struct ids *ids, struct error *err)
{
    double all = 0, sum = 0;
    size_t length;
    b->end = mem_array(ids->n + 1, sizeof *b->end);
    if (b->end == NULL)
        return error_set(err, ERR_SYSTEM, "prompt: out of memory");
    for (size_t i = 0; i < ids->n; i++) {
        tokenizer_piece(b->r->subject->tokenizer, ids->data[i], &length);
        all += (double)length;
    }
    for (size_t i = 0; i < ids->n; i++) {
        tokenizer_piece(b->r->subject->tokenizer, ids->data[i], &length);
        sum += (double)length;
        size_t at = (size_t)(sum / all * (double)b->hay.len + 0.5);
        while (at < b->hay.len && ((unsigned char)b->hay.data[at] & 0xc0) == 0x80)
            at++;
        b->end[b->n_ends++] = at;
    }
    return OK;
}

/* Text of at least n tokens from a sentence drawn at random. */
static enum status take_hay(struct build *b, struct rng *rng, size_t n, struct error *err)
{
    const struct haystack *h = b->r->haystack;
    size_t start = h->sentences[rng_below(rng, h->n_sentences)];
    struct ids ids = {0};
    enum status status = OK;
    for (size_t bytes = 6 * n + 256; status == OK; bytes *= 2) {
        b->hay.len = ids.n = 0;
        status = haystack_text(h, start, bytes, &b->hay, err);
        if (status == OK)
            status = tokenizer_encode(b->r->subject->tokenizer, b->hay.data, b->hay.len, false, &ids, err);
        if (ids.n >= n + n / 16 + 8)
            break;
    }
    if (status == OK)
        status = measure_hay(b, &ids, err);
    ids_free(&ids);
    return status;
}

/* Back from a token's end to the nearest sentence end. Where there are none (code, one long line), or none for as long as many
 * sentences take, the place itself. */
static size_t find_place(const struct build *b, double depth, size_t tokens, size_t length)
{
    enum { MANY = 8, LONG = 1000 }; /* sentences; bytes of one, on average */
    const struct haystack *h = b->r->haystack;
    size_t token = (size_t)((double)tokens * depth / 100 + 0.5), average = h->length / h->n_sentences;
    if (depth >= 100 || token >= tokens)
        return length;
    size_t at = token ? b->end[token - 1] : 0, low = at > MANY * average ? at - MANY * average : 0;
    for (size_t back = at; average < LONG && back + 1 > low; back--)
        if (back == 0 || haystack_sentence_ends(b->hay.data, b->hay.len, back))
            return back;
    return at;
}

static int by_place(const void *x, const void *y)
{
    const struct placed *a = x, *b = y;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (a->asked != b->asked)
        return a->asked ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* To where a chat template has brought it; not before the text's beginning, where it has cut blank space. */
static void move_span(struct span *s, ptrdiff_t by)
{
    s->from = (ptrdiff_t)s->from + by > 0 ? (size_t)((ptrdiff_t)s->from + by) : 0;
    s->to = (ptrdiff_t)s->to + by > 0 ? (size_t)((ptrdiff_t)s->to + by) : 0;
}

/* The prompt with the first `tokens` tokens of the haystack, or so, as text and as tokens. */
static enum status compose(struct build *b, size_t tokens, struct error *err)
{
    struct text *out = &b->p->text;
    size_t from = 0, length = tokens ? b->end[tokens - 1] : 0;
    for (size_t i = 0; i < b->r->needles; i++)
        b->needles[i].at = find_place(b, b->needles[i].depth, tokens, length);
    qsort(b->needles, b->r->needles, sizeof *b->needles, by_place);
    out->len = b->p->ids.n = 0;
    bool ok = text_add(out, b->head.data, b->head.len);
    b->context.from = out->len;
    for (size_t i = 0; i < b->r->needles && ok; i++) {
        struct placed *n = &b->needles[i];
        ok = text_add(out, b->hay.data + from, n->at - from);
        n->bytes.from = out->len;
        ok = ok &&
             text_printf(out, "\nThe special magic %s number is: %ld\n", HOLDOUT_CITIES[b->city[n->index]], b->number[n->index]);
        n->bytes.to = out->len;
        from = n->at;
    }
    ok = ok && text_add(out, b->hay.data + from, length - from);
    b->context.to = out->len;
    ok = ok && text_add(out, b->tail.data, b->tail.len);
    ptrdiff_t moved;
    enum status status =
        ok ? prompt_chat(b->r->e, b->r->subject, out, &moved, err) : error_set(err, ERR_SYSTEM, "prompt: out of memory");
    if (status != OK)
        return status;
    move_span(&b->context, moved);
    for (size_t i = 0; i < b->r->needles; i++)
        move_span(&b->needles[i].bytes, moved);
    return prompt_encode(b->r->e, b->r->subject, out->data, out->len, &b->p->ids, err);
}

/* As much of the haystack as makes the prompt `wanted` tokens long. Where tokens meet in another way than they were counted, a
 * token more or less changes the sum by another number: the nearest below it is taken when no number of them hits it. */
static enum status fit(struct build *b, size_t wanted, size_t guess, struct error *err)
{
    enum { TRIES = 24 };
    size_t tokens = guess, best = 0, best_n = 0;
    for (int i = 0; i < TRIES; i++) {
        enum status status = compose(b, tokens, err);
        size_t n = b->p->ids.n;
        if (status != OK || n == wanted)
            return status;
        if (n < wanted && n >= best_n) {
            best = tokens;
            best_n = n;
        }
        size_t step = n > wanted ? n - wanted : wanted - n;
        step = i < TRIES / 2 ? step : 1;
        tokens = n > wanted ? (tokens > step ? tokens - step : 0) : tokens + step < b->n_ends ? tokens + step : b->n_ends;
    }
    return compose(b, best, err);
}

static enum status locate(struct build *b, const struct span *bytes, struct span *tokens, struct error *err)
{
    const struct needle_request *r = b->r;
    enum status status = prompt_boundary(r->e, r->subject, b->p->text.data, bytes->from, &b->p->ids, &tokens->from, err);
    return status == OK ? prompt_boundary(r->e, r->subject, b->p->text.data, bytes->to, &b->p->ids, &tokens->to, err) : status;
}

static enum status build(struct build *b, struct error *err)
{
    const struct needle_request *r = b->r;
    struct rng rng = rng_stream(r->e->seed, r->id, 0);
    enum status status = draw_needles(b, &rng, err);
    if (status == OK)
        status = write_template(b, err);
    if (status == OK)
        status = take_hay(b, &rng, r->length, err);
    if (status == OK)
        status = compose(b, 0, err);
    if (status != OK)
        return status;
    size_t fixed = r->reserve + b->p->ids.n;
    if (fixed + 16 > r->length)
        return error_set(err, ERR_USAGE,
                         "--lengths: %zu tokens are too few for %zu needles, question and answer, expected at least %zu",
                         r->length, r->needles, fixed + 16);
    status = fit(b, r->length - r->reserve, r->length - fixed, err);
    if (status == OK)
        status = locate(b, &b->context, &b->p->context, err);
    for (size_t i = 0; i < r->needles && status == OK; i++)
        if (b->needles[i].asked) {
            b->p->bytes[b->needles[i].index] = b->needles[i].bytes;
            status = locate(b, &b->needles[i].bytes, &b->p->asked[b->needles[i].index], err);
        }
    return status;
}

enum status needle_prompt_build(struct needle_prompt *p, const struct needle_request *r, struct error *err)
{
    *p = (struct needle_prompt){.n_asked = r->asked};
    struct build b = {.r = r, .p = p};
    b.needles = calloc(r->needles, sizeof *b.needles);
    b.city = calloc(r->needles, sizeof *b.city);
    b.number = calloc(r->needles, sizeof *b.number);
    p->cities = calloc(r->asked, sizeof *p->cities);
    p->bytes = calloc(r->asked, sizeof *p->bytes);
    p->numbers = calloc(r->asked, sizeof *p->numbers);
    p->asked = calloc(r->asked, sizeof *p->asked);
    enum status status = b.needles && b.city && b.number && p->cities && p->numbers && p->asked
                             ? build(&b, err)
                             : error_set(err, ERR_SYSTEM, "prompt: out of memory");
    for (size_t i = 0; i < r->asked && status == OK; i++) {
        p->cities[i] = HOLDOUT_CITIES[b.city[i]];
        p->numbers[i] = b.number[i];
    }
    free(b.needles);
    free(b.city);
    free(b.number);
    free(b.end);
    text_free(&b.head);
    text_free(&b.tail);
    text_free(&b.hay);
    if (status != OK)
        needle_prompt_free(p);
    return status;
}

void needle_prompt_free(struct needle_prompt *p)
{
    text_free(&p->text);
    ids_free(&p->ids);
    free(p->cities);
    free(p->numbers);
    free(p->asked);
    free(p->bytes);
    *p = (struct needle_prompt){0};
}

/* The sentence on one city; *number is where its number begins. */
static bool write_sentence(struct text *out, const char *form, const char *city, long number, size_t *at)
{
    bool ok = true;
    *at = out->len;
    for (const char *t = form; *t != '\0' && ok; t++) {
        if (strncmp(t, "{city}", 6) == 0) {
            ok = text_puts(out, city);
            t += 5;
        } else if (strncmp(t, "{number}", 8) == 0) {
            *at = out->len;
            ok = text_printf(out, "%ld", number);
            t += 7;
        } else {
            ok = text_add(out, t, 1);
        }
    }
    return ok;
}

enum status needle_reference_build(struct needle_reference *a, const struct needle_prompt *p, const struct needle_request *r,
                                   const char *form, struct error *err)
{
    struct text text = {0};
    struct span *bytes = calloc(p->n_asked, sizeof *bytes);
    size_t *at = calloc(p->n_asked, sizeof *at);
    *a = (struct needle_reference){.n_asked = p->n_asked};
    a->number = calloc(p->n_asked, sizeof *a->number);
    a->rows = calloc(p->n_asked, sizeof *a->rows);
    bool ok = bytes && at && a->number && a->rows && text_add(&text, p->text.data, p->text.len);
    for (size_t i = 0; i < p->n_asked && ok; i++) {
        bytes[i].from = text.len;
        ok = write_sentence(&text, form, p->cities[i], p->numbers[i], &at[i]);
        bytes[i].to = text.len;
    }
    enum status status = ok ? prompt_encode(r->e, r->subject, text.data, text.len, &a->ids, err)
                            : error_set(err, ERR_SYSTEM, "reference: out of memory");
    for (size_t i = 0; i < p->n_asked && status == OK; i++) {
        status = prompt_boundary(r->e, r->subject, text.data, at[i], &a->ids, &a->number[i], err);
        if (status == OK)
            status = prompt_boundary(r->e, r->subject, text.data, bytes[i].from, &a->ids, &a->rows[i].from, err);
        if (status == OK)
            status = prompt_boundary(r->e, r->subject, text.data, bytes[i].to, &a->ids, &a->rows[i].to, err);
    }
    while (a->common < a->ids.n && a->common < p->ids.n && a->ids.data[a->common] == p->ids.data[a->common])
        a->common++;
    free(bytes);
    free(at);
    text_free(&text);
    if (status != OK)
        needle_reference_free(a);
    return status;
}

void needle_reference_free(struct needle_reference *a)
{
    ids_free(&a->ids);
    free(a->number);
    free(a->rows);
    *a = (struct needle_reference){0};
}
