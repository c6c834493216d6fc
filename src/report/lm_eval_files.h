/* lm_eval_files.h - which files of the LM Evaluation Harness belong to one run, and their text. */
#ifndef DIFFTF_REPORT_LM_EVAL_FILES_H
#define DIFFTF_REPORT_LM_EVAL_FILES_H

#include "base/status.h"

#include <cjson/cJSON.h>

/* The runs that a path names, as an array of {results (a path, or none), samples: [paths], folder}: a folder's newest, else that
 * of each folder below it; a file's own. The caller deletes it. */
enum status lm_eval_list(cJSON **runs, const char *path, struct error *err);
/* The task that a samples file is of: samples_TASK_DATE.jsonl; the caller frees it. */
char *lm_eval_task_of(const char *samples);
/* A JSON text that Python wrote: NaN and Infinity, which are no JSON, become null. */
enum status lm_eval_parse(cJSON **root, const char *name, const char *text, size_t length, struct error *err);

#endif
