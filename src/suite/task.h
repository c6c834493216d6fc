/* task.h - what an evaluation is: a table row with plan, run and summarize.
 *
 * A task knows prompts and metrics; it knows no architecture, no thread, no
 * file format.  `plan` lists independent work items from the options and the
 * seed, `run` evaluates one item on one model, `summarize` turns the results
 * into metrics.
 */
#ifndef DIFFTF_SUITE_TASK_H
#define DIFFTF_SUITE_TASK_H

#include "lm/tokenizer.h"
#include "model/session.h"
#include "suite/options.h"

/* A model of the run, under the name that the user gave it. */
struct subject {
    char *name;
    struct model model;
    struct tokenizer *tokenizer;
};

/* Everything an evaluation was asked for; read-only while it runs. */
struct experiment {
    const struct task *task;
    cJSON *options;
    uint64_t seed;
    struct subject *subjects;
    size_t n_subjects, baseline;
    void *state; /* what the task's prepare made: data sets and the like */
    cJSON *data; /* array: name, path, sha256, records, licence */
};

struct report;

struct task {
    const char *name, *summary;
    const struct option_spec *options;
    /* Reads data sets, checks that the options fit together; fills experiment->state and ->data. */
    enum status (*prepare)(struct experiment *e, struct error *err);
    void (*release)(struct experiment *e);
    /* Adds items {id, where} to the array, in the order of the report. */
    enum status (*plan)(const struct experiment *e, cJSON *items, struct error *err);
    /* Tokens an item needs in a session, at most. */
    size_t (*tokens)(const struct experiment *e, const cJSON *item);
    /* Evaluates one item on one model: result {output, score, evidence}. The session is empty. Called by many threads. */
    enum status (*run)(const struct experiment *e, const cJSON *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err);
    /* Adds metrics, comparisons and series from the results of all items; `items` carry {id, where, results: {model: ..}}. */
    enum status (*summarize)(const struct experiment *e, const cJSON *items, struct report *report, struct error *err);
    /* Prints the tables a person sees. */
    void (*print)(const cJSON *report, struct text *out);
};

/* One number per item: what `field` says of it under model `name`, a path such as "score" or "evidence.attention.answer". */
double result_number(const cJSON *item, const char *model, const char *field);

#endif
