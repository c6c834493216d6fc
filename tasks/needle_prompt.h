/* needle_prompt.h - builds one prompt of the needle task at an exact length in tokens. */
#ifndef DIFFTF_TASKS_NEEDLE_PROMPT_H
#define DIFFTF_TASKS_NEEDLE_PROMPT_H

#include "suite/haystack.h"

#define NEEDLE_TEMPLATE "{context}\nQuestion: {question}\nAnswer:"

/* What a prompt token belongs to. */
enum { NEEDLE_PART_ASKED, NEEDLE_PART_HAY, NEEDLE_PART_OTHER };

struct needle_request {
    const struct haystack *haystack;
    const struct tokenizer *tokenizer;
    const char *template; /* with {context} and {question} */
    size_t length;        /* tokens of prompt and answer together */
    size_t reserve;       /* tokens kept for the answer */
    size_t needles, asked;
    double depth; /* percent of the haystack's tokens */
    uint64_t seed;
    const char *id; /* names the random stream: no item depends on another */
};

struct needle_prompt {
    struct ids ids;
    unsigned char *part; /* [ids.n] */
    size_t n_asked;
    const char **cities; /* [n_asked], not owned */
    long *numbers;       /* [n_asked] */
};

/* `{context}` and `{question}` once each. */
enum status needle_check_template(const char *template, struct error *err);
enum status needle_prompt_build(struct needle_prompt *p, const struct needle_request *request, struct error *err);
void needle_prompt_free(struct needle_prompt *p);

#endif
