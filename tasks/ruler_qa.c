/* ruler_qa.c - see ruler_qa.h. */
#include "tasks/ruler_qa.h"

#include "base/file.h"
#include "formats/json.h"

#include <stdlib.h>
#include <string.h>

static enum status wrong(const struct ruler_qa *q, size_t i, const char *expected, struct error *err)
{
    return error_set(err, ERR_INPUT, "%s: entry %zu: is not as in %s, expected %s", q->path, i + 1,
                     q->format == RULER_SQUAD ? "SQuAD" : "HotpotQA", expected);
}

/* "title\nsentences" of HotpotQA's pair; NULL when it is none. */
static char *join_paragraph(const cJSON *pair)
{
    const char *title = cJSON_GetStringValue(cJSON_GetArrayItem(pair, 0));
    const cJSON *sentences = cJSON_GetArrayItem(pair, 1), *sentence;
    struct text out = {0};
    bool ok = title != NULL && cJSON_IsArray(sentences) && text_printf(&out, "%s\n", title);
    cJSON_ArrayForEach(sentence, sentences) ok = ok && cJSON_IsString(sentence) && text_puts(&out, sentence->valuestring);
    if (!ok)
        text_free(&out);
    return out.data;
}

static bool add_doc(struct ruler_qa *q, size_t *capacity, char *doc)
{
    if (doc == NULL || !mem_grow((void **)&q->docs, capacity, q->n_docs + 1, sizeof *q->docs)) {
        free(doc);
        return false;
    }
    q->docs[q->n_docs++] = doc;
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_docs(struct ruler_qa *q)
{
    size_t n = 0;
    if (q->n_docs > 0)
        qsort(q->docs, q->n_docs, sizeof *q->docs, by_text);
    for (size_t i = 0; i < q->n_docs; i++)
        if (n > 0 && strcmp(q->docs[n - 1], q->docs[i]) == 0)
            free(q->docs[i]);
        else
            q->docs[n++] = q->docs[i];
    q->n_docs = n;
}

static size_t find_doc(const struct ruler_qa *q, const char *doc)
{
    char **found = bsearch(&doc, q->docs, q->n_docs, sizeof *q->docs, by_text);
    return (size_t)(found - q->docs);
}

static struct ruler_question *add_question(struct ruler_qa *q, size_t *capacity, const char *query)
{
    if (!mem_grow((void **)&q->question, capacity, q->n + 1, sizeof *q->question))
        return NULL;
    struct ruler_question *new = &q->question[q->n++];
    *new = (struct ruler_question){.query = query, .answers = cJSON_CreateArray()};
    return new;
}

static enum status squad_docs(struct ruler_qa *q, const cJSON *articles, struct error *err)
{
    const cJSON *article, *paragraph;
    size_t capacity = 0, i = 0;
    cJSON_ArrayForEach(article, articles)
    {
        cJSON_ArrayForEach(paragraph, cJSON_GetObjectItemCaseSensitive(article, "paragraphs"))
        {
            const char *text = json_text(paragraph, "context");
            if (text == NULL || !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(paragraph, "qas")))
                return wrong(q, i, "paragraphs of {context, qas}", err);
            if (!add_doc(q, &capacity, strdup(text)))
                return error_set(err, ERR_SYSTEM, "%s: out of memory", q->path);
        }
        i++;
    }
    sort_docs(q);
    return OK;
}

/* The questions of one paragraph; `near`: documents of the article, its own among them. */
static enum status squad_questions(struct ruler_qa *q, size_t *capacity, const cJSON *paragraph, size_t i, const size_t *near,
                                   size_t n_near, struct error *err)
{
    const cJSON *qa, *answer;
    cJSON_ArrayForEach(qa, cJSON_GetObjectItemCaseSensitive(paragraph, "qas"))
    {
        const char *query = json_text(qa, "question");
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(qa, "is_impossible")))
            continue;
        if (query == NULL)
            return wrong(q, i, "qas of {question, answers}", err);
        struct ruler_question *new = add_question(q, capacity, query);
        new->own = calloc(1, sizeof *new->own);
        new->own[new->n_own++] = find_doc(q, json_text(paragraph, "context"));
        new->near = near;
        new->n_near = n_near;
        cJSON_ArrayForEach(answer, cJSON_GetObjectItemCaseSensitive(qa, "answers"))
        {
            if (json_text(answer, "text") == NULL)
                return wrong(q, i, "answers of {text}", err);
            cJSON_AddItemToArray(new->answers, cJSON_CreateStringReference(json_text(answer, "text")));
        }
        if (new->answers->child == NULL)
            return wrong(q, i, "an answer to every question that is not impossible", err);
    }
    return OK;
}

static enum status read_squad(struct ruler_qa *q, struct error *err)
{
    const cJSON *articles = json_path(q->root, "data"), *article, *paragraph;
    size_t capacity = 0, i = 0;
    enum status status = squad_docs(q, articles, err);
    q->articles = calloc((size_t)cJSON_GetArraySize(articles) + 1, sizeof *q->articles);
    cJSON_ArrayForEach(article, articles)
    {
        const cJSON *paragraphs = cJSON_GetObjectItemCaseSensitive(article, "paragraphs");
        size_t n = 0, *near = calloc((size_t)cJSON_GetArraySize(paragraphs) + 1, sizeof *near);
        q->articles[q->n_articles++] = near;
        cJSON_ArrayForEach(paragraph, paragraphs)
        {
            if (status == OK)
                near[n++] = find_doc(q, json_text(paragraph, "context"));
        }
        cJSON_ArrayForEach(paragraph, paragraphs)
        {
            if (status == OK)
                status = squad_questions(q, &capacity, paragraph, i, near, n, err);
        }
        i++;
    }
    return status;
}

static enum status read_hotpotqa(struct ruler_qa *q, struct error *err)
{
    const cJSON *entry, *pair;
    size_t docs = 0, capacity = 0, i = 0;
    cJSON_ArrayForEach(entry, q->root)
    {
        cJSON_ArrayForEach(pair, cJSON_GetObjectItemCaseSensitive(entry, "context"))
        {
            if (!add_doc(q, &docs, join_paragraph(pair)))
                return wrong(q, i, "a context of [title, [sentences]]", err);
        }
        i++;
    }
    sort_docs(q);
    i = 0;
    cJSON_ArrayForEach(entry, q->root)
    {
        const cJSON *context = cJSON_GetObjectItemCaseSensitive(entry, "context");
        const char *query = json_text(entry, "question"), *answer = json_text(entry, "answer");
        if (query == NULL || answer == NULL || cJSON_GetArraySize(context) == 0)
            return wrong(q, i, "question, answer and context", err);
        struct ruler_question *new = add_question(q, &capacity, query);
        new->own = calloc((size_t)cJSON_GetArraySize(context), sizeof *new->own);
        cJSON_ArrayForEach(pair, context)
        {
            char *doc = join_paragraph(pair);
            new->own[new->n_own++] = find_doc(q, doc);
            free(doc);
        }
        cJSON_AddItemToArray(new->answers, cJSON_CreateStringReference(answer));
        i++;
    }
    return OK;
}

enum status ruler_qa_load(struct ruler_qa *q, const char *path, struct error *err)
{
    char *text = NULL;
    size_t length = 0;
    *q = (struct ruler_qa){.path = strdup(path)};
    enum status status = file_read(&text, &length, path, err);
    if (status == OK)
        status = json_parse(&q->root, path, text, length, err);
    if (status == OK) {
        sha256_hex(q->sha256, text, length);
        bool squad = cJSON_IsArray(json_path(q->root, "data"));
        q->format = squad ? RULER_SQUAD : RULER_HOTPOTQA;
        if (!squad && !cJSON_IsArray(q->root))
            status = error_set(err, ERR_INPUT,
                               "%s: is neither SQuAD's format nor HotpotQA's, expected an object with `data` or an "
                               "array of questions",
                               path);
    }
    free(text);
    if (status == OK)
        status = q->format == RULER_SQUAD ? read_squad(q, err) : read_hotpotqa(q, err);
    if (status == OK && q->n == 0)
        status = error_set(err, ERR_INPUT, "%s: has no question, expected at least one", path);
    return status;
}

void ruler_qa_free(struct ruler_qa *q)
{
    for (size_t i = 0; i < q->n_docs; i++)
        free(q->docs[i]);
    for (size_t i = 0; i < q->n; i++) {
        free(q->question[i].own);
        cJSON_Delete(q->question[i].answers);
    }
    for (size_t i = 0; i < q->n_articles; i++)
        free(q->articles[i]);
    free(q->articles);
    free(q->docs);
    free(q->question);
    free(q->path);
    cJSON_Delete(q->root);
    *q = (struct ruler_qa){0};
}
