/* ruler_qa.h - questions with the documents that answer them, from files of SQuAD's or HotpotQA's format. */
#ifndef DIFFTF_TASKS_RULER_QA_H
#define DIFFTF_TASKS_RULER_QA_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stddef.h>

enum ruler_qa_format { RULER_SQUAD, RULER_HOTPOTQA };

struct ruler_question {
    const char *query;
    cJSON *answers;     /* array of texts, owned */
    size_t *own, n_own; /* its documents, as indices of `docs` */
    const size_t *near; /* [n_near] the others of the same article: not owned */
    size_t n_near;
};

struct ruler_qa {
    enum ruler_qa_format format;
    char *path, sha256[65];
    cJSON *root;
    char **docs; /* [n_docs] the different documents of the file, sorted */
    size_t n_docs;
    struct ruler_question *question; /* [n] */
    size_t n;
    size_t **articles; /* [n_articles] lists of documents that `near` points into */
    size_t n_articles;
};

/* SQuAD 2.0: an object whose `data` has articles of `paragraphs` {context, qas}; HotpotQA: an array of {question, answer,
 * context: [[title, [sentences]]]}. Questions that cannot be answered are left out. */
enum status ruler_qa_load(struct ruler_qa *q, const char *path, struct error *err);
void ruler_qa_free(struct ruler_qa *q);

#endif
