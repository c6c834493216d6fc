/* commands.h - a command is one function and one row in main's table. */
#ifndef DIFFTF_CLI_COMMANDS_H
#define DIFFTF_CLI_COMMANDS_H

#include "base/program.h"
#include "base/status.h"
#include "suite/options.h"

#include <signal.h>

struct command {
    const char *name, *arguments, *summary;
    const struct option_spec *options;
    enum status (*run)(const cJSON *options, const cJSON *arguments, struct error *err);
};

extern const struct command COMMAND_INSPECT, COMMAND_LOGITS, COMMAND_TOKENIZE, COMMAND_GENERATE, COMMAND_ATTENTION, COMMAND_LIST,
    COMMAND_TABLE, COMMAND_COMPARE, COMMAND_CHECK, COMMAND_RESCORE, COMMAND_SHOW, COMMAND_RUN, COMMAND_REPORT, COMMAND_SELFTEST,
    COMMAND_MERGE, COMMAND_EXPORT, COMMAND_TRAININGS, COMMAND_CLAIMS, COMMAND_SERVE;

/* Warnings on standard error, one for each line; NULL: none. */
void cli_print_notes(const char *lines);
/* Threads to use: --threads, or all processors. */
int cli_threads(const cJSON *options);

/* `inspect A B`: prints whether two folders are a matched pair and what differs; ERR_REGRESSION when they are none. FLOPs are
 * told for a token at `length`, too. */
enum status inspect_pair(const char *first, const char *second, size_t length, bool as_json, struct error *err);

/* Prints the tables that a report shows first, and where the report is. */
enum status cli_print_report(const cJSON *report, const char *path, struct error *err);

struct task;
/* `difftf-eval TASK ..`; takes over options. */
enum status cli_run_task(const struct task *task, cJSON *options, struct error *err);

#endif
