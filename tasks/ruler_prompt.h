/* ruler_prompt.h - the thirteen configurations of RULER, and one prompt of any of them.
 *
 * Every prompt is as long as fits: a configuration writes its context at a size (words of a book, lines, list entries,
 * documents), and the largest size is taken whose tokens, with those of the answer, are within the length.
 */
#ifndef DIFFTF_TASKS_RULER_PROMPT_H
#define DIFFTF_TASKS_RULER_PROMPT_H

#include "suite/prompt.h"
#include "tasks/ruler_material.h"

enum ruler_hay { HAY_BOOK, HAY_NOISE, HAY_NEEDLES };
enum ruler_value { VALUE_WORDS, VALUE_NUMBERS, VALUE_UUIDS };

struct ruler_config;

/* A prompt while it is written. */
struct ruler_build {
    const struct ruler_material *m;
    const struct ruler_config *config;
    size_t length, sample;
    uint64_t seed;
    const char *id; /* names the random streams: what is drawn does not depend on the size */
    struct text context;
    const char *template;   /* of the prompt */
    cJSON *holes;           /* its {type}, {query}, {count} */
    cJSON *answers;         /* what is right: an array of texts */
    struct text before;     /* what stands before the prompt: a worked example */
    size_t *marks, n_marks; /* pairs from, to in the context, in bytes: what is asked for */
};

struct ruler_kind {
    size_t new_tokens;                                 /* kept for the answer */
    bool any;                                          /* one of the answers is enough; else the share of them counts */
    size_t (*least)(const struct ruler_build *b);      /* the smallest size */
    void (*write)(struct ruler_build *b, size_t size); /* fills context, template, holes, answers */
};
extern const struct ruler_kind RULER_NIAH, RULER_VT, RULER_CWE, RULER_FWE, RULER_QUESTIONS;

struct ruler_config {
    const char *name;
    const struct ruler_kind *kind;
    enum ruler_hay hay;
    enum ruler_value key, value;
    size_t keys, values, queries; /* needles: different keys, values of each, keys that are asked for */
    enum ruler_qa_format qa;
};
/* By name "niah_single_1" .. "qa_2"; the last has no name. */
enum { N_RULER_CONFIGS = 13 };
extern const struct ruler_config RULER_CONFIGS[N_RULER_CONFIGS + 1];

struct ruler_request {
    const struct experiment *e; /* seed, --bos */
    const struct subject *subject;
    const struct ruler_material *material;
    const struct ruler_config *config;
    size_t length;  /* tokens of prompt and answer together */
    size_t reserve; /* tokens kept for the answer */
    size_t sample;
    const char *id;
};

struct ruler_prompt {
    struct text text;
    struct ids ids;
    cJSON *answers;
    size_t size; /* of the context, in the configuration's unit */
    size_t *marks, n_marks;
};
/* An error of usage where not even the smallest prompt fits. */
enum status ruler_prompt_build(struct ruler_prompt *p, const struct ruler_request *request, struct error *err);
/* The same error, or none, without the search. */
enum status ruler_prompt_fits(const struct ruler_request *request, struct error *err);
void ruler_prompt_free(struct ruler_prompt *p);

/* A random stream of this prompt. */
struct rng ruler_stream(const struct ruler_build *b, uint64_t index);
/* A mark from the byte `from` of the context to its end so far. */
void ruler_mark(struct ruler_build *b, size_t from);
/* Appends the template with a context and the holes; *at is where the context begins. */
enum status ruler_expand(const struct ruler_build *b, const struct text *context, struct text *out, size_t *at,
                         struct error *err);
/* Sets a hole's text. */
void ruler_hole(cJSON *holes, const char *name, const char *text);

#endif
