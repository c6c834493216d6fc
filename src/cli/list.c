/* list.c - what there is: tasks, families, embedded models. */
#include "base/file.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "model/config.h"
#include "suite/experiment.h"
#include "tasks/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {OPTIONS_END};

static enum status list_tasks(struct error *err)
{
    (void)err;
    for (size_t i = 0; TASKS[i] != NULL; i++)
        say(stdout, "%-18s %s\n", TASKS[i]->name, TASKS[i]->summary);
    return OK;
}

static enum status list_models(struct error *err)
{
    (void)err;
    static const char *const names[] = {"models/transformer", "models/diff-transformer"};
    for (size_t i = 0; i < 2; i++) {
        char *path = embedded_path(names[i]);
        say(stdout, "%-18s %s%s\n", strrchr(names[i], '/') + 1, path ? path : "",
            path && file_is_directory(path) ? "" : " (missing)");
        free(path);
    }
    for (size_t i = 0; FAMILIES[i] != NULL; i++)
        say(stdout, "family %-11s %s\n", FAMILIES[i]->model_type, FAMILIES[i]->summary);
    return OK;
}

static enum status list_data(struct error *err)
{
    (void)err;
    static const struct {
        const char *name, *path;
    } data[] = {{"needle, perplexity", "data/haystack/persuasion.txt"},
                {"icl", "data/icl/topics-train.jsonl"},
                {"hallucination", "data/hallucination/people.jsonl"},
                {"choice", "data/choice/reading.jsonl"},
                {"math", "data/math/arithmetic.jsonl"},
                {"scaling", "data/scaling/runs.jsonl"}};
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        char *path = embedded_path(data[i].path);
        say(stdout, "%-18s %s%s\n", data[i].name, path ? path : "", path && file_exists(path) ? "" : " (missing)");
        free(path);
    }
    return OK;
}

static int is_yaml(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

/* Files for `run`, and the forms of tasks. */
static enum status list_experiments(struct error *err)
{
    static const struct {
        const char *path, *used;
    } folders[] = {{"configs", "run"},
                   {"configs/choice", "choice --form"},
                   {"configs/icl", "icl --form"},
                   {"configs/math", "math --form"}};
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        struct dirent **entries;
        char *folder = embedded_path(folders[f].path);
        int n = folder ? scandir(folder, &entries, is_yaml, alphasort) : -1;
        for (int i = 0; i < n; i++) {
            say(stdout, "%-18s %s/%s\n", folders[f].used, folder, entries[i]->d_name);
            free(entries[i]);
        }
        enum status status =
            n < 0 && errno != ENOENT ? error_set(err, ERR_SYSTEM, "%s: cannot be listed: %s", folders[f].path, strerror(errno)) : OK;
        if (n >= 0)
            free(entries);
        free(folder);
        if (status != OK)
            return status;
    }
    return OK;
}

static enum status list(const cJSON *options, const cJSON *arguments, struct error *err)
{
    static const struct {
        const char *name;
        enum status (*print)(struct error *err);
    } kinds[] = {{"tasks", list_tasks}, {"models", list_models}, {"data", list_data}, {"experiments", list_experiments}};
    const char *wanted = cJSON_GetStringValue(arguments->child);
    bool found = false;
    enum status status = OK;
    (void)options;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && status == OK; i++)
        if (wanted == NULL || strcmp(wanted, kinds[i].name) == 0) {
            found = true;
            status = kinds[i].print(err);
        }
    return found ? status
                 : error_set(err, ERR_USAGE, "list: '%s' is not known, expected tasks, models, data or experiments", wanted);
}

const struct command COMMAND_LIST = {"list", "[tasks|models|data|experiments]", "what there is", OPTIONS, list};
