/* stored.h - a finished report's task, models and items again. */
#ifndef DIFFTF_CLI_STORED_H
#define DIFFTF_CLI_STORED_H

#include "suite/experiment.h"

/* The task of a report, and the options that it was run with, which the caller deletes in any case. */
enum status stored_task(const cJSON *report, const char *path, const struct task **task, cJSON **options, struct error *err);
/* The struct of an item that a report holds. */
enum status stored_item(void *typed, const struct experiment *e, const cJSON *item, struct error *err);
/* Loads the models from where the report says they were, and the task's data; other weights are an error. */
enum status stored_open(struct experiment *e, const cJSON *report, const char *path, struct error *err);
/* Gives up to `most` items of a report, those first whose scores differ, what their first model was given, as `prompt`. A task
 * that cannot say it gives none. */
enum status stored_prompts(cJSON *report, const char *path, size_t most, struct error *err);

#endif
