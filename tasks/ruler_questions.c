/* ruler_questions.c - RULER's questions on documents (qa_*): those that answer one among others. */
#include "base/random.h"
#include "suite/template.h"
#include "tasks/ruler_prompt.h"

#include <stdlib.h>
#include <string.h>

enum { STREAM_NEAR, STREAM_OTHERS, STREAM_SHUFFLE };

static bool is_among(size_t doc, const size_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == doc)
            return true;
    return false;
}

/* Appends documents of a list in random order, but those that are there already, up to `most` in all. */
static size_t take(const struct ruler_build *b, uint64_t stream, const size_t *list, size_t n, size_t *docs, size_t taken,
                   size_t most)
{
    struct rng rng = ruler_stream(b, stream);
    size_t *order = calloc(n + 1, sizeof *order), before = taken;
    rng_permutation(&rng, order, n);
    for (size_t i = 0; i < n && taken < most; i++) {
        size_t doc = list != NULL ? list[order[i]] : order[i];
        if (!is_among(doc, docs, before))
            docs[taken++] = doc;
    }
    free(order);
    return taken;
}

/* Its own documents, others of its article, others of the file; the whole file again and again when that is not enough. */
static void choose(const struct ruler_build *b, const struct ruler_qa *qa, const struct ruler_question *q, size_t *docs, size_t n)
{
    size_t taken = 0;
    if (n >= qa->n_docs) {
        for (size_t i = 0; i < n; i++)
            docs[i] = i % qa->n_docs;
        return;
    }
    for (size_t i = 0; i < q->n_own && taken < n; i++)
        docs[taken++] = q->own[i];
    taken = take(b, STREAM_NEAR, q->near, q->n_near, docs, taken, n);
    take(b, STREAM_OTHERS, NULL, qa->n_docs, docs, taken, n);
}

static void write_document(struct ruler_build *b, size_t number, const char *text)
{
    cJSON *holes = cJSON_CreateObject();
    struct error ignored = {0};
    cJSON_AddNumberToObject(holes, "number", (double)number);
    cJSON_AddItemToObject(holes, "document", cJSON_CreateStringReference(text));
    if (number > 1)
        text_puts(&b->context, "\n\n");
    template_expand(&b->context, b->m->form.document, holes, b->m->form.file.path, &ignored);
    cJSON_Delete(holes);
}

static const struct ruler_question *question(const struct ruler_build *b)
{
    const struct ruler_qa *qa = &b->m->qa[b->config->qa];
    return &qa->question[b->sample % qa->n];
}

static void write_questions(struct ruler_build *b, size_t size)
{
    const struct ruler_qa *qa = &b->m->qa[b->config->qa];
    const struct ruler_question *q = question(b);
    size_t *docs = calloc(size, sizeof *docs), *order = calloc(size, sizeof *order);
    struct rng rng = ruler_stream(b, STREAM_SHUFFLE);
    choose(b, qa, q, docs, size);
    rng_permutation(&rng, order, size);
    for (size_t i = 0; i < size; i++) {
        size_t doc = docs[order[i]], from = b->context.len;
        write_document(b, i + 1, qa->docs[doc]);
        if (is_among(doc, q->own, q->n_own))
            ruler_mark(b, from);
    }
    b->template = b->m->form.qa;
    ruler_hole(b->holes, "query", q->query);
    cJSON_Delete(b->answers);
    b->answers = cJSON_Duplicate(q->answers, true);
    free(docs);
    free(order);
}

static size_t least_questions(const struct ruler_build *b)
{
    return question(b)->n_own;
}

const struct ruler_kind RULER_QUESTIONS = {32, true, least_questions, write_questions};
