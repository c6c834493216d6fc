/* ruler_prompt.c - see ruler_prompt.h. */
#include "tasks/ruler_prompt.h"

#include "base/random.h"
#include "suite/template.h"

#include <stdlib.h>
#include <string.h>

const struct ruler_config RULER_CONFIGS[N_RULER_CONFIGS + 1] = {
    {"niah_single_1", &RULER_NIAH, HAY_NOISE, VALUE_WORDS, VALUE_NUMBERS, 1, 1, 1, 0},
    {"niah_single_2", &RULER_NIAH, HAY_BOOK, VALUE_WORDS, VALUE_NUMBERS, 1, 1, 1, 0},
    {"niah_single_3", &RULER_NIAH, HAY_BOOK, VALUE_WORDS, VALUE_UUIDS, 1, 1, 1, 0},
    {"niah_multikey_1", &RULER_NIAH, HAY_BOOK, VALUE_WORDS, VALUE_NUMBERS, 4, 1, 1, 0},
    {"niah_multikey_2", &RULER_NIAH, HAY_NEEDLES, VALUE_WORDS, VALUE_NUMBERS, 1, 1, 1, 0},
    {"niah_multikey_3", &RULER_NIAH, HAY_NEEDLES, VALUE_UUIDS, VALUE_UUIDS, 1, 1, 1, 0},
    {"niah_multivalue", &RULER_NIAH, HAY_BOOK, VALUE_WORDS, VALUE_NUMBERS, 1, 4, 1, 0},
    {"niah_multiquery", &RULER_NIAH, HAY_BOOK, VALUE_WORDS, VALUE_NUMBERS, 4, 1, 4, 0},
    {"vt", &RULER_VT, HAY_NOISE, 0, 0, 0, 0, 0, 0},
    {"cwe", &RULER_CWE, 0, 0, 0, 0, 0, 0, 0},
    {"fwe", &RULER_FWE, 0, 0, 0, 0, 0, 0, 0},
    {"qa_1", &RULER_QUESTIONS, 0, 0, 0, 0, 0, 0, RULER_SQUAD},
    {"qa_2", &RULER_QUESTIONS, 0, 0, 0, 0, 0, 0, RULER_HOTPOTQA},
    {NULL, NULL, 0, 0, 0, 0, 0, 0, 0},
};

struct rng ruler_stream(const struct ruler_build *b, uint64_t index)
{
    return rng_stream(b->seed, b->id, index);
}

void ruler_mark(struct ruler_build *b, size_t from)
{
    b->marks = realloc(b->marks, (b->n_marks + 1) * 2 * sizeof *b->marks);
    b->marks[2 * b->n_marks] = from;
    b->marks[2 * b->n_marks + 1] = b->context.len;
    b->n_marks++;
}

void ruler_hole(cJSON *holes, const char *name, const char *text)
{
    cJSON_DeleteItemFromObjectCaseSensitive(holes, name);
    cJSON_AddStringToObject(holes, name, text);
}

static void build_free(struct ruler_build *b)
{
    text_free(&b->context);
    text_free(&b->before);
    cJSON_Delete(b->holes);
    cJSON_Delete(b->answers);
    free(b->marks);
}

enum status ruler_expand(const struct ruler_build *b, const struct text *context, struct text *out, size_t *at, struct error *err)
{
    const char *hole = strstr(b->template, "{context}"), *name = b->m->form.file.path;
    char *head = strndup(b->template, (size_t)(hole - b->template));
    enum status status = template_expand(out, head, b->holes, name, err);
    *at = out->len;
    text_add(out, context->data ? context->data : "", context->len);
    if (status == OK)
        status = template_expand(out, hole + strlen("{context}"), b->holes, name, err);
    free(head);
    return status;
}

/* The prompt at one size. */
static enum status write_at(struct ruler_prompt *p, const struct ruler_request *r, struct ruler_build *b, size_t size,
                            struct error *err)
{
    b->context.len = b->before.len = b->n_marks = 0;
    cJSON_Delete(b->answers);
    cJSON_Delete(b->holes);
    b->answers = cJSON_CreateArray();
    b->holes = cJSON_CreateObject();
    b->config->kind->write(b, size);
    p->text.len = p->ids.n = 0;
    p->size = size;
    size_t at;
    text_add(&p->text, b->before.data ? b->before.data : "", b->before.len);
    enum status status = ruler_expand(b, &b->context, &p->text, &at, err);
    ptrdiff_t moved = 0;
    if (status == OK)
        status = prompt_chat(r->e, r->subject, &p->text, &moved, err);
    for (size_t i = 0; i < 2 * b->n_marks; i++)
        b->marks[i] += at + (size_t)moved;
    return status == OK ? prompt_encode(r->e, r->subject, p->text.data, p->text.len, &p->ids, err) : status;
}

static enum status too_few(const struct ruler_request *r, size_t tokens, struct error *err)
{
    return error_set(err, ERR_USAGE, "--lengths: %zu tokens are too few for %s with %s, expected at least %zu", r->length,
                     r->config->name, r->subject->name, tokens + r->reserve);
}

/* The largest size whose prompt has no more than `most` tokens: between one that fits and one that does not, by the tokens that a
 * unit takes on average, and by halves where that is of no help. */
static enum status fit(struct ruler_prompt *p, const struct ruler_request *r, struct ruler_build *b, size_t most,
                       struct error *err)
{
    size_t low = b->config->kind->least(b), high = SIZE_MAX, low_tokens, high_tokens = 0;
    enum status status = write_at(p, r, b, low, err);
    low_tokens = p->ids.n;
    if (status == OK && low_tokens > most)
        return too_few(r, low_tokens, err);
    for (size_t try = 0; status == OK && high - low > 1; try++) {
        size_t middle = high == SIZE_MAX ? 2 * low + 16 : low + (high - low) / 2;
        if (high != SIZE_MAX && high_tokens > low_tokens && try % 3 != 2) { /* a straight line between the two */
            double share = (double)(most - low_tokens) / (double)(high_tokens - low_tokens);
            middle = low + (size_t)(share * (double)(high - low));
            middle = middle <= low ? low + 1 : middle >= high ? high - 1 : middle;
        }
        status = write_at(p, r, b, middle, err);
        if (p->ids.n <= most) {
            low = middle;
            low_tokens = p->ids.n;
        } else {
            high = middle;
            high_tokens = p->ids.n;
        }
    }
    return status == OK && p->size != low ? write_at(p, r, b, low, err) : status;
}

static struct ruler_build begin(const struct ruler_request *r)
{
    return (struct ruler_build){
        .m = r->material, .config = r->config, .length = r->length, .sample = r->sample, .seed = r->e->seed, .id = r->id};
}

enum status ruler_prompt_build(struct ruler_prompt *p, const struct ruler_request *r, struct error *err)
{
    struct ruler_build b = begin(r);
    *p = (struct ruler_prompt){0};
    enum status status = r->reserve < r->length ? fit(p, r, &b, r->length - r->reserve, err) : too_few(r, 1, err);
    if (status == OK) {
        p->answers = b.answers;
        p->marks = b.marks;
        p->n_marks = b.n_marks;
        b.answers = NULL;
        b.marks = NULL;
    } else {
        ruler_prompt_free(p);
    }
    build_free(&b);
    return status;
}

enum status ruler_prompt_fits(const struct ruler_request *r, struct error *err)
{
    struct ruler_build b = begin(r);
    struct ruler_prompt p = {0};
    enum status status = write_at(&p, r, &b, r->config->kind->least(&b), err);
    if (status == OK && p.ids.n + r->reserve > r->length)
        status = too_few(r, p.ids.n, err);
    ruler_prompt_free(&p);
    build_free(&b);
    return status;
}

void ruler_prompt_free(struct ruler_prompt *p)
{
    text_free(&p->text);
    ids_free(&p->ids);
    cJSON_Delete(p->answers);
    free(p->marks);
    *p = (struct ruler_prompt){0};
}
