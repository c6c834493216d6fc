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
        say(stdout, "%-26s %s\n", TASKS[i]->name, TASKS[i]->summary);
    return OK;
}

static int widest_family(void)
{
    size_t widest = 19;
    for (size_t i = 0; FAMILIES[i] != NULL; i++)
        widest = strlen(FAMILIES[i]->model_type) > widest ? strlen(FAMILIES[i]->model_type) : widest;
    return (int)widest;
}

static enum status list_models(struct error *err)
{
    (void)err;
    static const char *const names[] = {"models/transformer", "models/diff-transformer"};
    for (size_t i = 0; i < 2; i++) {
        char *path = embedded_path(names[i]);
        say(stdout, "%-26s %s%s\n", strrchr(names[i], '/') + 1, path ? path : "",
            path && file_is_directory(path) ? "" : " (missing)");
        free(path);
    }
    for (size_t i = 0; FAMILIES[i] != NULL; i++)
        say(stdout, "family %-*s %s\n", widest_family(), FAMILIES[i]->model_type, FAMILIES[i]->summary);
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
                {"ruler", "data/ruler/words.yaml"},
                {"scaling", "data/scaling/runs.jsonl"}};
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        char *path = embedded_path(data[i].path);
        say(stdout, "%-26s %s%s\n", data[i].name, path ? path : "", path && file_exists(path) ? "" : " (missing)");
        free(path);
    }
    return OK;
}

static int is_yaml(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

/* A line for each file of a folder that `keeps` it. */
static enum status list_folder(const char *folder, int (*keeps)(const struct dirent *),
                               void (*line)(const char *kind, const char *folder, const char *name), const char *kind,
                               struct error *err)
{
    struct dirent **entries;
    int n = folder ? scandir(folder, &entries, keeps, alphasort) : -1;
    if (n < 0)
        return errno == ENOENT ? OK : error_set(err, ERR_SYSTEM, "%s: cannot be listed: %s", folder, strerror(errno));
    for (int i = 0; i < n; i++) {
        line(kind, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return OK;
}

static void print_file(const char *kind, const char *folder, const char *name)
{
    say(stdout, "%-26s %s/%s\n", kind, folder, name);
}

/* Files for `run`, and the forms of tasks. */
static enum status list_experiments(struct error *err)
{
    static const char *const folders[][2] = {{"configs", "run"},
                                             {"configs/choice", "choice --form"},
                                             {"configs/icl", "icl --form"},
                                             {"configs/math", "math --form"},
                                             {"configs/ruler", "ruler --form"}};
    enum status status = OK;
    for (size_t f = 0; f < sizeof folders / sizeof *folders && status == OK; f++) {
        char *folder = embedded_path(folders[f][0]);
        status = list_folder(folder, is_yaml, print_file, folders[f][1], err);
        free(folder);
    }
    return status;
}

static int is_json(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

/* Its task, when it was made and its models; what is no report of ours is left out. */
static void print_report(const char *kind, const char *folder, const char *name)
{
    cJSON *report = NULL;
    const cJSON *model;
    struct text models = {0};
    char *path = path_join(folder, name);
    (void)kind;
    if (json_read(&report, path, NULL) == OK && json_text(report, "task") != NULL) {
        cJSON_ArrayForEach(model, json_path(report, "models"))
            text_printf(&models, "%s%s", models.len ? ", " : "", json_text(model, "name"));
        const char *finished = json_text(report, "run.finished");
        say(stdout, "%-13s %.10s  %s  (%s)\n", json_text(report, "task"), finished ? finished : "-", path,
            models.data ? models.data : "no models");
    }
    text_free(&models);
    cJSON_Delete(report);
    free(path);
}

static enum status list_reports(struct error *err)
{
    return list_folder("results", is_json, print_report, NULL, err);
}

static const struct kind {
    const char *name;
    enum status (*print)(struct error *err);
} KINDS[] = {{"tasks", list_tasks},
             {"models", list_models},
             {"data", list_data},
             {"experiments", list_experiments},
             {"reports", list_reports}};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(name, KINDS[i].name) == 0)
            return &KINDS[i];
    return NULL;
}

/* Those that are named, or all. */
static enum status list(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const cJSON *wanted;
    enum status status = OK;
    (void)options;
    cJSON_ArrayForEach(wanted, arguments)
    {
        if (find_kind(wanted->valuestring) == NULL)
            return error_set(err, ERR_USAGE, "list: '%s' is not known, expected tasks, models, data, experiments or reports",
                             wanted->valuestring);
    }
    for (size_t i = 0; arguments->child == NULL && i < N_KINDS && status == OK; i++)
        status = KINDS[i].print(err);
    cJSON_ArrayForEach(wanted, arguments)
    {
        if (status == OK)
            status = find_kind(wanted->valuestring)->print(err);
    }
    return status;
}

const struct command COMMAND_LIST = {"list", "[tasks|models|data|experiments|reports]", "what there is", OPTIONS, list};
