/* needle_prompt.h - builds one prompt of the needle task, as one text of an exact length in tokens. */
#ifndef DIFFTF_TASKS_NEEDLE_PROMPT_H
#define DIFFTF_TASKS_NEEDLE_PROMPT_H

#include "suite/haystack.h"
#include "suite/prompt.h"

#define NEEDLE_TEMPLATE "{context}\\nQuestion: {question}\\nAnswer:"
#define NEEDLE_REFERENCE " The special magic {city} number is: {number}."

struct needle_request {
    const struct experiment *e; /* seed, --bos */
    const struct subject *subject;
    const struct haystack *haystack;
    const char *template; /* with {context} and {question} */
    size_t length;        /* tokens of prompt and answer together */
    size_t reserve;       /* tokens kept for the answer */
    size_t needles, asked;
    double depth;   /* percent of the haystack's tokens */
    const char *id; /* names the random stream: no item depends on another */
};

/* Tokens from .. to - 1. */
struct span {
    size_t from, to;
};

struct needle_prompt {
    struct text text;
    struct ids ids;
    size_t n_asked;
    const char **cities; /* [n_asked], not owned */
    long *numbers;       /* [n_asked] */
    struct span *asked;  /* [n_asked] where their needles stand */
    struct span *bytes;  /* [n_asked] the same in the text */
    struct span context;
};

/* `{context}` and `{question}` once each. */
enum status needle_check_template(const char *template, struct error *err);
enum status needle_prompt_build(struct needle_prompt *p, const struct needle_request *request, struct error *err);
void needle_prompt_free(struct needle_prompt *p);

/* The right answer after the prompt: a sentence for each asked city, after `form` with {city} and {number}. */
struct needle_reference {
    struct ids ids; /* of prompt and answer, encoded as one text */
    size_t common;  /* tokens at the beginning that are those of the prompt */
    size_t n_asked;
    size_t *number;    /* [n_asked] the first token of the number */
    struct span *rows; /* [n_asked] the tokens of the sentence */
};
enum status needle_reference_build(struct needle_reference *a, const struct needle_prompt *p,
                                   const struct needle_request *request, const char *form, struct error *err);
void needle_reference_free(struct needle_reference *a);

#endif
