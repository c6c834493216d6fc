/* needle_prompt.c - see needle_prompt.h.
 *
 * Everything is assembled from tokens, so that the length is exact: the parts
 * of the template and every needle are tokenized on their own. */
#include "tasks/needle_prompt.h"

#include "suite/holdout.h"

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

/* Where a needle goes. */
struct placed {
    size_t at; /* token of the haystack before which it stands */
    bool asked;
    size_t index;
    struct ids ids;
};

struct build {
    const struct needle_request *r;
    struct needle_prompt *p;
    struct ids head, tail, hay; /* template before and after the context; the haystack */
    struct placed *needles;
    size_t *city; /* [needles] */
    long *number;
};

static enum status encode(const struct build *b, const char *text, size_t length, struct ids *out, struct error *err)
{
    return tokenizer_encode(b->r->tokenizer, text, length, false, out, err);
}

/* "What is the special magic number for A?" or "What are the special magic numbers for A, B, and C?" */
static void write_question(const struct build *b, struct text *out)
{
    size_t n = b->r->asked;
    text_puts(out, n == 1 ? "What is the special magic number for " : "What are the special magic numbers for ");
    for (size_t i = 0; i < n; i++)
        text_printf(out, "%s%s%s", n > 1 && i + 1 == n ? "and " : "", HOLDOUT_CITIES[b->city[i]], i + 1 < n ? ", " : "?");
}

/* The template with \n for line breaks and the question in place, cut at {context}. */
static enum status encode_template(struct build *b, struct error *err)
{
    struct text all = {0};
    for (const char *t = b->r->template; *t != '\0'; t++) {
        if (strncmp(t, "{question}", 10) == 0) {
            write_question(b, &all);
            t += 9;
        } else if (t[0] == '\\' && t[1] == 'n') {
            text_puts(&all, "\n");
            t++;
        } else {
            text_add(&all, t, 1);
        }
    }
    const char *hole = all.data ? strstr(all.data, "{context}") : NULL;
    enum status status = hole ? encode(b, all.data, (size_t)(hole - all.data), &b->head, err)
                              : error_set(err, ERR_SYSTEM, "prompt: out of memory");
    if (status == OK)
        status = encode(b, hole + 9, all.len - (size_t)(hole + 9 - all.data), &b->tail, err);
    text_free(&all);
    return status;
}

static enum status draw_needles(struct build *b, struct rng *rng, struct error *err)
{
    size_t *order = mem_array(N_HOLDOUT_CITIES, sizeof *order);
    enum status status = order ? OK : error_set(err, ERR_SYSTEM, "prompt: out of memory");
    if (status == OK)
        rng_permutation(rng, order, N_HOLDOUT_CITIES);
    for (size_t i = 0; i < b->r->needles && status == OK; i++) {
        struct text needle = {0};
        bool fresh;
        b->city[i] = order[i];
        do { /* 7 digits, different ones in one prompt */
            fresh = true;
            b->number[i] = holdout_number(rng, 7, true);
            for (size_t j = 0; j < i; j++)
                fresh = fresh && b->number[j] != b->number[i];
        } while (!fresh);
        text_printf(&needle, "\nThe special magic %s number is: %ld\n", HOLDOUT_CITIES[b->city[i]], b->number[i]);
        b->needles[i] = (struct placed){.asked = i < b->r->asked, .index = i};
        status = needle.data ? encode(b, needle.data, needle.len, &b->needles[i].ids, err)
                             : error_set(err, ERR_SYSTEM, "prompt: out of memory");
        text_free(&needle);
    }
    free(order);
    return status;
}

/* Does the token end a sentence? Its text ends with . ! ? or a line break. */
static bool ends_sentence(const struct build *b, int32_t id)
{
    struct text t = {0};
    struct error ignored;
    bool ends = tokenizer_decode(b->r->tokenizer, &id, 1, true, &t, &ignored) == OK && t.len > 0 &&
                strchr(".!?\n", t.data[t.len - 1]) != NULL;
    text_free(&t);
    return ends;
}

/* Back from `at` to the nearest sentence end; the very end stays. */
static size_t walk_back(const struct build *b, size_t at)
{
    if (at >= b->hay.n)
        return b->hay.n;
    while (at > 0 && !ends_sentence(b, b->hay.data[at - 1]))
        at--;
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

static enum status append(struct needle_prompt *p, const int32_t *ids, size_t n, int part, size_t *capacity, struct error *err)
{
    bool ok = mem_grow((void **)&p->part, capacity, p->ids.n + n, 1);
    for (size_t i = 0; i < n && ok; i++) {
        p->part[p->ids.n] = (unsigned char)part;
        ok = ids_add(&p->ids, ids[i]);
    }
    return ok ? OK : error_set(err, ERR_SYSTEM, "prompt: out of memory");
}

static enum status assemble(struct build *b, struct error *err)
{
    size_t capacity = 0, from = 0;
    enum status status = append(b->p, b->head.data, b->head.n, NEEDLE_PART_OTHER, &capacity, err);
    for (size_t i = 0; i < b->r->needles && status == OK; i++) {
        const struct placed *n = &b->needles[i];
        status = append(b->p, b->hay.data + from, n->at - from, NEEDLE_PART_HAY, &capacity, err);
        if (status == OK)
            status = append(b->p, n->ids.data, n->ids.n, n->asked ? NEEDLE_PART_ASKED : NEEDLE_PART_OTHER, &capacity, err);
        from = n->at;
    }
    if (status == OK)
        status = append(b->p, b->hay.data + from, b->hay.n - from, NEEDLE_PART_HAY, &capacity, err);
    return status == OK ? append(b->p, b->tail.data, b->tail.n, NEEDLE_PART_OTHER, &capacity, err) : status;
}

static enum status build(struct build *b, struct error *err)
{
    const struct needle_request *r = b->r;
    struct rng rng = rng_stream(r->seed, r->id, 0);
    enum status status = draw_needles(b, &rng, err);
    if (status == OK)
        status = encode_template(b, err);
    if (status != OK)
        return status;
    size_t fixed = r->reserve + b->head.n + b->tail.n;
    for (size_t i = 0; i < r->needles; i++)
        fixed += b->needles[i].ids.n;
    if (fixed + 16 > r->length)
        return error_set(err, ERR_USAGE,
                         "--lengths: %zu tokens are too few for %zu needles, question and answer, expected at least %zu",
                         r->length, r->needles, fixed + 16);
    status = haystack_tokens(r->haystack, r->tokenizer, &rng, r->length - fixed, &b->hay, err);
    if (status != OK)
        return status;
    for (size_t i = 0; i < r->needles; i++) {
        size_t at = i < r->asked ? (size_t)((double)b->hay.n * r->depth / 100 + 0.5) : (size_t)rng_below(&rng, b->hay.n + 1);
        b->needles[i].at = walk_back(b, at);
    }
    qsort(b->needles, r->needles, sizeof *b->needles, by_place);
    return assemble(b, err);
}

enum status needle_prompt_build(struct needle_prompt *p, const struct needle_request *r, struct error *err)
{
    *p = (struct needle_prompt){.n_asked = r->asked};
    struct build b = {.r = r, .p = p};
    b.needles = calloc(r->needles, sizeof *b.needles);
    b.city = calloc(r->needles, sizeof *b.city);
    b.number = calloc(r->needles, sizeof *b.number);
    p->cities = calloc(r->asked, sizeof *p->cities);
    p->numbers = calloc(r->asked, sizeof *p->numbers);
    enum status status = b.needles && b.city && b.number && p->cities && p->numbers
                             ? build(&b, err)
                             : error_set(err, ERR_SYSTEM, "prompt: out of memory");
    for (size_t i = 0; i < r->asked && status == OK; i++) {
        p->cities[i] = HOLDOUT_CITIES[b.city[i]];
        p->numbers[i] = b.number[i];
    }
    for (size_t i = 0; b.needles != NULL && i < r->needles; i++)
        ids_free(&b.needles[i].ids);
    free(b.needles);
    free(b.city);
    free(b.number);
    ids_free(&b.head);
    ids_free(&b.tail);
    ids_free(&b.hay);
    if (status != OK)
        needle_prompt_free(p);
    return status;
}

void needle_prompt_free(struct needle_prompt *p)
{
    ids_free(&p->ids);
    free(p->part);
    free(p->cities);
    free(p->numbers);
    *p = (struct needle_prompt){0};
}
