/* list.c - what there is: tasks, families, embedded models. */
#include "base/file.h"
#include "cli/commands.h"
#include "model/config.h"
#include "suite/experiment.h"
#include "tasks/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {{NULL, OPTION_FLAG, NULL, 0, 0, NULL, NULL, false}};

static void list_tasks(void)
{
    for (size_t i = 0; TASKS[i] != NULL; i++)
        printf("%-18s %s\n", TASKS[i]->name, TASKS[i]->summary);
}

static void list_models(void)
{
    static const char *const names[] = {"models/transformer", "models/diff-transformer"};
    for (size_t i = 0; i < 2; i++) {
        char *path = embedded_path(names[i]);
        printf("%-18s %s%s\n", strrchr(names[i], '/') + 1, path ? path : "", path && file_is_directory(path) ? "" : " (missing)");
        free(path);
    }
    for (size_t i = 0; FAMILIES[i] != NULL; i++)
        printf("family %-11s %s\n", FAMILIES[i]->model_type, FAMILIES[i]->summary);
}

static void list_data(void)
{
    char *path = embedded_path("data/haystack/persuasion.txt");
    printf("%-18s %s\n", "haystack", path ? path : "");
    free(path);
}

static enum status list(const cJSON *options, const cJSON *arguments, struct error *err)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } kinds[] = {{"tasks", list_tasks}, {"models", list_models}, {"data", list_data}};
    const char *wanted = cJSON_GetStringValue(arguments->child);
    bool found = false;
    (void)options;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (wanted == NULL || strcmp(wanted, kinds[i].name) == 0) {
            found = true;
            kinds[i].print();
        }
    return found ? OK : error_set(err, ERR_USAGE, "list: '%s' is not known, expected tasks, models or data", wanted);
}

const struct command COMMAND_LIST = {"list", "[tasks|models|data]", "what there is", OPTIONS, list};
