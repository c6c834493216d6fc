/* task.h - what an evaluation is: a table row with plan, run and summarize.
 *
 * A task knows prompts and metrics; it knows no architecture, no thread, no
 * file format.  `plan` lists independent work items from the options and the
 * seed, `run` evaluates one item on one model, `summarize` turns the results
 * into metrics.
 */
#ifndef DIFFTF_SUITE_TASK_H
#define DIFFTF_SUITE_TASK_H

#include "lm/chat.h"
#include "lm/tokenizer.h"
#include "model/session.h"
#include "suite/item.h"
#include "suite/options.h"

/* A model of the run, under the name that the user gave it. */
struct subject {
    char *name;
    struct model model;
    char sha256[65]; /* of the weights */
    char tokens[65]; /* of the tokenizer; "" where that is not known */
    char files[65];  /* of the other files of its folder that can change a number: config, tokenizer */
    struct tokenizer *tokenizer;
    struct chat_template *chat; /* with --chat */
};

/* Values of the options that every task has (COMMON_OPTIONS). */
struct common_options {
    struct strings models;
    const char *baseline, *out, *config, *shard, *system;
    size_t seed, threads;
    bool chat, resume, fresh, dry_run, json, quiet, no_progress;
    unsigned beyond_context, bos, compute, log_level; /* bos: enum bos of suite/prompt.h; compute: enum compute */
};
enum beyond_context { BEYOND_WARN, BEYOND_REFUSE, BEYOND_ALLOW };

/* Everything an evaluation was asked for; read-only while it runs. */
struct experiment {
    const struct task *task;
    cJSON *options; /* as the report carries them */
    struct common_options common;
    void *settings; /* the same of the task's own options, in its struct */
    uint64_t seed;
    struct subject *subjects;
    size_t n_subjects, baseline;
    void *state;  /* what the task's prepare made: data sets and the like */
    cJSON *data;  /* array: name, path, sha256, records, licence */
    cJSON *notes; /* array of sentences that a reader of the results should know */
};

struct report;
struct view;

struct task {
    const char *name, *summary;
    const struct option_spec *options;
    size_t settings_size;               /* of the struct that `options` fills: e->settings */
    const struct dimension *dimensions; /* of the struct that an item is */
    size_t item_size;
    const struct view *views; /* what its report shows (report/report.h); ended by a kind of NULL */
    bool exclusive;           /* times itself: one item at a time, on all threads */
    bool no_texts;            /* token ids suffice: a model may lack its tokenizer */
    bool chats;               /* asks and reads an answer: its prompts may be messages (--chat) */
    bool no_models;           /* reads results of models instead; `prepare` adds subjects with names alone */
    /* Reads data sets, checks that the options fit together; fills experiment->state and ->data. */
    enum status (*prepare)(struct experiment *e, struct error *err);
    void (*release)(struct experiment *e);
    /* Adds the items, in the order of the report. */
    enum status (*plan)(const struct experiment *e, struct plan *plan, struct error *err);
    /* Tokens an item needs in a session, at most. */
    size_t (*tokens)(const struct experiment *e, const void *item);
    /* About the FLOPs of an item: what items are told apart by when their time is estimated; NULL: a prefill of its tokens. */
    double (*work)(const struct experiment *e, const struct model *model, const void *item);
    /* Does an item ask another program or machine, which a trial should not? NULL: none does. */
    bool (*asks_others)(const struct experiment *e);
    /* Tokens that a session has room for beside those, for what is only observed; NULL: none. */
    size_t (*spare)(const struct experiment *e, const void *item);
    /* Evaluates one item on one model: result {output, score, evidence}. The session is empty. Called by many threads. */
    enum status (*run)(const struct experiment *e, const void *item, const struct subject *subject, struct session *session,
                       cJSON *result, struct error *err);
    /* Adds to an object what the model was given: `text`, and `marks`, [from, to] in bytes of it, in order, for what a person
     * should see in it; NULL: the task cannot say. */
    enum status (*prompt)(const struct experiment *e, const void *item, const struct subject *subject, cJSON *to,
                          struct error *err);
    bool summary_reads_data; /* `summarize` needs what `prepare` made, or adds notes */
    /* Adds metrics, comparisons and series from the results of all items; `items` carry {id, where, results: {model: ..}}. */
    enum status (*summarize)(const struct experiment *e, const cJSON *items, struct report *report, struct error *err);
    /* `rescore`: replaces what metrics are made from in one stored result; NULL: the task has one rule only. */
    bool rescore_reads_data; /* `prepare` comes before it */
    enum status (*rescore)(const struct experiment *e, const void *item, cJSON *result, struct error *err);
};

#endif
