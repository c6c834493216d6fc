/* main.c - difftf-eval: finds the command or task and turns status codes into exit codes. */
#include "base/program.h"
#include "cli/commands.h"
#include "suite/experiment.h"
#include "tasks/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const COMMANDS[] = {
    &COMMAND_RUN,  &COMMAND_LIST,    &COMMAND_TABLE,  &COMMAND_COMPARE,  &COMMAND_CHECK,    &COMMAND_REPORT,   &COMMAND_RESCORE,
    &COMMAND_SHOW, &COMMAND_INSPECT, &COMMAND_LOGITS, &COMMAND_TOKENIZE, &COMMAND_GENERATE, &COMMAND_SELFTEST, NULL};

static void print_usage(FILE *to)
{
    fputs("usage: difftf-eval TASK [options]\n       difftf-eval COMMAND [options]\n\n"
          "Compares Transformers and Diff Transformers by the evaluations of the paper arXiv 2410.05258.\n\ntasks\n",
          to);
    for (size_t i = 0; TASKS[i] != NULL; i++)
        fprintf(to, "  %-13s %s\n", TASKS[i]->name, TASKS[i]->summary);
    fputs("\ncommands\n", to);
    for (size_t i = 0; COMMANDS[i] != NULL; i++)
        fprintf(to, "  %-13s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    fputs("\n`difftf-eval TASK --help` lists the options of a task. Try: difftf-eval needle --depths 0,25,50,75,100\n", to);
}

static void print_help(const char *name, const char *arguments, const char *summary, const struct option_spec *own, bool is_task)
{
    struct text text = {0};
    text_printf(&text, "usage: difftf-eval %s%s%s [options]\n\n%s\n\noptions\n", name, arguments ? " " : "",
                arguments ? arguments : "", summary);
    options_help(&text, own);
    if (is_task) {
        text_puts(&text, "\noptions of every task\n");
        options_help(&text, COMMON_OPTIONS);
    }
    fputs(text.data ? text.data : "", stdout);
    text_free(&text);
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static enum status dispatch(int argc, char **argv, struct error *err)
{
    const char *name = argv[1];
    cJSON *options = NULL, *rest = cJSON_CreateArray();
    enum status status = ERR_USAGE;
    const struct task *task = tasks_find(name);
    const struct command *command = NULL;
    for (size_t i = 0; COMMANDS[i] != NULL; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            command = COMMANDS[i];
    if (task == NULL && command == NULL) {
        error_write(err, ERR_USAGE, "%s: there is no such task or command, expected one of those that difftf-eval --help lists",
                    name);
    } else if (asks_help(argc - 2, argv + 2)) {
        if (task != NULL)
            print_help(task->name, NULL, task->summary, task->options, true);
        else
            print_help(command->name, command->arguments, command->summary, command->options, false);
        status = OK;
    } else if (task != NULL) {
        status = options_parse(&options, NULL, COMMON_OPTIONS, task->options, argc - 2, argv + 2, err);
        if (status == OK)
            status = cli_run_task(task, options, err);
    } else {
        status = options_parse(&options, rest, NULL, command->options, argc - 2, argv + 2, err);
        if (status == OK)
            status = command->run(options, rest, err);
        cJSON_Delete(options);
    }
    cJSON_Delete(rest);
    return status;
}

int main(int argc, char **argv)
{
    program_start("difftf-eval", true);
    struct error err = {0};
    enum status status = OK;
    if (argc < 2) {
        print_usage(stderr);
        status = ERR_USAGE;
    } else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
    } else if (strcmp(argv[1], "--version") == 0) {
        puts("difftf-eval " DIFFTF_VERSION);
    } else {
        status = dispatch(argc, argv, &err);
    }
    return program_end(status, &err);
}
