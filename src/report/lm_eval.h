/* lm_eval.h - results of the LM Evaluation Harness as reports, and reports in its layout.
 *
 * It writes a folder for each model: results_DATE.json (aggregates) and, with --log_samples, samples_TASK_DATE.jsonl (a line for
 * each document and filter). As a report: its tasks are sets at the places {task}, or {task, filter}; items are told apart by
 * their number and the hash of their document, so that runs on the same documents are paired.
 */
#ifndef DIFFTF_REPORT_LM_EVAL_H
#define DIFFTF_REPORT_LM_EVAL_H

#include "base/status.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Is it a folder, results_*.json or samples_*.jsonl? The name decides. */
bool lm_eval_named(const char *path);
/* Reads one; of a folder the newest results of each model in it or in the folders below. Aggregates that are the mean of the
 * samples have their samples behind them, others the Harness's own standard error. */
enum status lm_eval_read(cJSON **report, const char *path, struct error *err);

/* Writes DIR/MODEL/results_DATE.json and samples_*_DATE.jsonl for every model of a report; *files counts them. */
enum status lm_eval_write(const char *folder, const cJSON *report, int *files, struct error *err);

#endif
