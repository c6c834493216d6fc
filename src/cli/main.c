/* main.c - difftf-eval: finds the command or task and turns status codes into exit codes. */
#include "base/list.h"
#include "base/program.h"
#include "cli/commands.h"
#include "cli/face.h"
#include "suite/experiment.h"
#include "tasks/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const COMMANDS[] = {&COMMAND_RUN,      &COMMAND_LIST,     &COMMAND_TABLE,     &COMMAND_COMPARE,
                                                 &COMMAND_CHECK,    &COMMAND_REPORT,   &COMMAND_CLAIMS,    &COMMAND_TRAININGS,
                                                 &COMMAND_RESCORE,  &COMMAND_SHOW,     &COMMAND_INSPECT,   &COMMAND_LOGITS,
                                                 &COMMAND_TOKENIZE, &COMMAND_GENERATE, &COMMAND_ATTENTION, &COMMAND_SELFTEST,
                                                 &COMMAND_MERGE,    &COMMAND_EXPORT,   &COMMAND_SERVE,     NULL};

enum { MOST_WORDS = 64 };

static const struct face_section SECTIONS[] = {
    {"EXAMPLES", "    difftf-eval needle --depths 0,25,50,75,100\n"
                 "    difftf-eval needle --model base=DIR --model diff=DIR --lengths 4096 --needles 6/2 --samples 50\n"
                 "    difftf-eval run configs/quick.yaml\n"
                 "    difftf-eval check new.json --against old.json --junit check.xml\n"},
    {"ENVIRONMENT", "OPENAI_API_KEY is the key for --judge openai. NO_COLOR: no progress bar. DIFFTF_SHARE is the folder\nof "
                    "models, data and configs, where the program does not find them itself.\n"},
    {NULL, NULL},
};

/* Tasks and commands as words. */
static void list_words(struct face_word words[MOST_WORDS])
{
    size_t n = 0;
    for (size_t i = 0; TASKS[i] != NULL && n + 1 < MOST_WORDS; i++)
        words[n++] = (struct face_word){TASKS[i]->name, NULL, TASKS[i]->summary, TASKS[i]->options, COMMON_OPTIONS};
    for (size_t i = 0; COMMANDS[i] != NULL && n + 1 < MOST_WORDS; i++)
        words[n++] =
            (struct face_word){COMMANDS[i]->name, COMMANDS[i]->arguments, COMMANDS[i]->summary, COMMANDS[i]->options, NULL};
}

static enum status unknown(const struct face *f, const char *name, struct error *err)
{
    const char *names[MOST_WORDS + 3] = {"--version", "--help"};
    size_t n = 2;
    for (const struct face_word *w = f->words; w->name != NULL; w++)
        names[n++] = w->name;
    return error_set(err, ERR_USAGE, "%s: there is no such task or command, did you mean %s? (difftf-eval --help lists them)",
                     name, list_nearest(name, names));
}

static enum status dispatch(const struct face *f, int argc, char **argv, struct error *err)
{
    const char *name = argv[1];
    cJSON *options = NULL, *rest = NULL;
    enum status status;
    const struct task *task = tasks_find(name);
    const struct command *command = NULL;
    for (size_t i = 0; COMMANDS[i] != NULL; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            command = COMMANDS[i];
    if (task == NULL && command == NULL)
        return unknown(f, name, err);
    if (task != NULL) {
        status = options_parse(&options, NULL, COMMON_OPTIONS, task->options, argc - 2, argv + 2, err);
        return status == OK ? cli_run_task(task, options, err) : status;
    }
    rest = cJSON_CreateArray();
    status = options_parse(&options, rest, NULL, command->options, argc - 2, argv + 2, err);
    if (status == OK && rest->child != NULL && (command->arguments == NULL || command->arguments[0] == '\0'))
        status = error_set(err, ERR_USAGE, "%s: is no option, expected options alone (difftf-eval %s --help)",
                           rest->child->valuestring, name);
    if (status == OK)
        status = command->run(options, rest, err);
    cJSON_Delete(options);
    cJSON_Delete(rest);
    return status;
}

int main(int argc, char **argv)
{
    struct face_word words[MOST_WORDS] = {{0}};
    const struct face face = {
        .name = "difftf-eval",
        .summary = "compares Transformers and Diff Transformers by the evaluations of the paper arXiv 2410.05258",
        .description = "Runs the evaluations on any number of models, the first being the baseline, and writes\n"
                       "one JSON report with intervals and paired comparisons. Without --model the pair that\n"
                       "comes with the program is evaluated. Try: difftf-eval needle --depths 0,25,50,75,100",
        .words = words,
        .sections = SECTIONS};
    struct error err = {0};
    enum status status = OK;
    program_start(face.name, true);
    list_words(words);
    if (argc < 2) {
        face_usage(stderr, &face);
        status = ERR_USAGE;
    } else if (!face_answers(&face, argc, argv, &status, &err)) {
        status = dispatch(&face, argc, argv, &err);
    }
    return program_end(status, &err);
}
