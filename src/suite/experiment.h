/* experiment.h - from options to loaded models; where the embedded pair lies. */
#ifndef DIFFTF_SUITE_EXPERIMENT_H
#define DIFFTF_SUITE_EXPERIMENT_H

#include "suite/task.h"

/* The options every task has. */
extern const struct option_spec COMMON_OPTIONS[];

/* Loads the models of --model (or the embedded pair) and prepares the task; takes over `options`. */
enum status experiment_open(struct experiment *e, const struct task *task, cJSON *options, struct error *err);
/* The same for results that are there already, to be scored again: subjects have names alone, no weights are read. */
enum status experiment_open_stored(struct experiment *e, const struct task *task, cJSON *options, const cJSON *models,
                                   struct error *err);
void experiment_close(struct experiment *e);
/* A sentence that a reader of the results should know: a warning on standard error, and one of the report's notes. */
/* A model and its tokenizer from a folder or file into a subject that has its name; what a reader should know of it is noted. */
enum status subject_load(struct subject *s, struct experiment *e, const char *folder, struct error *err);
void subject_free(struct subject *s);
void experiment_note(struct experiment *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The room that an item takes in a session. */
size_t experiment_capacity(const struct experiment *e, const void *item);
/* Notes what does not fit: items longer than a model's max_position_embeddings (an error with --beyond-context refuse), models
 * whose tokenizers differ. */
enum status experiment_check_fit(struct experiment *e, const struct plan *plan, struct error *err);

/* A digest of everything that decides the results: task, options, weights, configs, tokenizers, data, and what computes. */
void experiment_digest(const struct experiment *e, char hex[65]);
/* options without those that change no result. */
cJSON *experiment_options(const struct experiment *e);

/* A file that comes with the program ("models/transformer"), in the folder DIFFTF_SHARE, or looked for beside the executable and
 * where it is installed; the caller frees it. NULL when out of memory. */
char *embedded_path(const char *relative);

#endif
