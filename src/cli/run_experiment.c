/* run_experiment.c - `run`: several evaluations from one YAML file.
 *
 *     name: quick
 *     output: results/quick          # a folder: one report each, page.html
 *     models: [base=DIR, diff=DIR]   # default: the embedded pair
 *     options: {seed: 1}             # for every evaluation that has them
 *     evaluations:
 *       - task: needle               # its options under the names of the command line
 *         name: needle-short         # default: the task's
 *         lengths: [1024]
 */
#include "base/file.h"
#include "base/list.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "report/page.h"
#include "suite/experiment.h"
#include "suite/shard.h"
#include "tasks/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "DIR", "folder for the reports (default: `output` of the file)", true, 0},
    {"model", OPTION_STRINGS, NULL, 0, 0, "NAME=DIR", "models instead of those of the file; repeatable", false, 0},
    {"samples", OPTION_INT, NULL, 1, 100000, "N", "samples in every evaluation, instead of the file's: for a quick look", false,
     0},
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0},
    {"shard", OPTION_STRING, NULL, 0, 0, "I/N", "every N-th item of each evaluation; its reports have the shard in their names",
     true, 0},
    {"fresh", OPTION_FLAG, NULL, 0, 0, NULL, "start again: finished evaluations too", true, 0},
    {"dry-run", OPTION_FLAG, NULL, 0, 0, NULL, "list the items of each, run nothing", true, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no tables, no progress", true, 0},
    {"no-progress", OPTION_FLAG, NULL, 0, 0, NULL, "no progress on standard error", true, 0},
    OPTIONS_END,
};

struct experiment_file {
    const char *path, *output;
    const cJSON *root, *options; /* the file, the command line */
};

static bool has_option(const struct task *task, const char *name)
{
    for (const struct option_spec *o = task->options; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    for (const struct option_spec *o = COMMON_OPTIONS; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

/* Adds the names of a table, each once; *names ends with NULL. */
static void add_names(const char ***names, size_t *n, size_t *capacity, const struct option_spec *table)
{
    for (; table->name != NULL; table++) {
        mem_grow((void **)names, capacity, *n + 2, sizeof **names);
        (*names)[(*n)++] = table->name;
        (*names)[*n] = NULL;
    }
}

/* Every key of `object` must be one of `names`; the message has the nearest. */
static enum status check_keys(const cJSON *object, const char *const *names, const char *where, const char *path,
                              struct error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        const char *nearest = list_nearest(item->string, names);
        if (strcmp(nearest, item->string) != 0)
            return error_set(err, ERR_INPUT, "%s: key '%s%.60s' is not known, did you mean %s?", path, where, item->string,
                             nearest);
    }
    return OK;
}

/* `options` may hold what any evaluation of the file takes. */
static enum status check_file(const struct experiment_file *p, struct error *err)
{
    static const char *const root[] = {"name", "output", "models", "options", "evaluations", NULL};
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(p->root, "options"), *evaluation;
    const char **names = NULL;
    size_t n = 0, capacity = 0;
    if (!cJSON_IsObject(p->root))
        return error_set(err, ERR_INPUT, "%s: is no mapping, expected the keys output and evaluations", p->path);
    enum status status = check_keys(p->root, root, "", p->path, err);
    if (status == OK && options != NULL && !cJSON_IsObject(options) && !cJSON_IsNull(options))
        status = error_set(err, ERR_INPUT, "%s: key 'options' is wrong, expected a mapping of names and values", p->path);
    add_names(&names, &n, &capacity, COMMON_OPTIONS);
    cJSON_ArrayForEach(evaluation, cJSON_GetObjectItemCaseSensitive(p->root, "evaluations"))
    {
        const char *task = json_text(evaluation, "task");
        if (task != NULL && tasks_find(task) != NULL)
            add_names(&names, &n, &capacity, tasks_find(task)->options);
    }
    if (status == OK)
        status = check_keys(options, names, "options.", p->path, err);
    free(names);
    return status;
}

/* Defaults, then the file's `models` and `options`, then the evaluation's own, then the command line. */
static enum status evaluation_options(cJSON **values, const struct experiment_file *p, const struct task *task,
                                      const cJSON *evaluation, const char *report, struct error *err)
{
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(p->root, "models"), *item, *line;
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(p->root, "options");
    cJSON *own = cJSON_CreateObject();
    if (models != NULL)
        cJSON_AddItemToObject(own, "model", cJSON_Duplicate(models, true));
    cJSON_ArrayForEach(item, options)
    {
        if (has_option(task, item->string))
            cJSON_AddItemToObject(own, item->string, cJSON_Duplicate(item, true));
    }
    cJSON_ArrayForEach(item, evaluation)
    {
        if (strcmp(item->string, "name") != 0 && item != evaluation->child) {
            cJSON_DeleteItemFromObjectCaseSensitive(own, item->string);
            cJSON_AddItemToObject(own, item->string, cJSON_Duplicate(item, true));
        }
    }
    cJSON_ArrayForEach(line, p->options)
    {
        if (strcmp(line->string, "out") == 0 || (line->type & 0xff) == cJSON_False || !has_option(task, line->string))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(own, line->string);
        cJSON_AddItemToObject(own, line->string, cJSON_Duplicate(line, true));
    }
    cJSON_DeleteItemFromObjectCaseSensitive(own, "out");
    cJSON_AddStringToObject(own, "out", report);
    if (!option_flag(p->options, "fresh"))
        cJSON_AddTrueToObject(own, "resume");
    enum status status = options_parse(values, NULL, COMMON_OPTIONS, task->options, 0, NULL, err);
    if (status == OK && (status = options_set(*values, own, p->path, COMMON_OPTIONS, task->options, err)) != OK) {
        cJSON_Delete(*values);
        *values = NULL;
    }
    cJSON_Delete(own);
    return status;
}

/* The evaluation's first key is its task, so that its other keys can be the task's options, whatever their names. */
static enum status read_evaluation(const struct experiment_file *p, const cJSON *evaluation, const struct task **task,
                                   char **report, struct error *err)
{
    const cJSON *first = cJSON_IsObject(evaluation) ? evaluation->child : NULL;
    const char *name = NULL;
    struct text path = {0};
    if (first == NULL || strcmp(first->string, "task") != 0 || !cJSON_IsString(first))
        return error_set(err, ERR_INPUT, "%s: key 'evaluations': an entry does not begin with 'task', expected task: NAME",
                         p->path);
    *task = tasks_find(first->valuestring);
    if (*task == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'task': '%.40s' is not known, expected one that difftf-eval list names",
                         p->path, first->valuestring);
    enum status status = json_get_string(evaluation, "name", true, &name, p->path, err);
    if (status == OK && name != NULL && strchr(name, '/') != NULL)
        status = error_set(err, ERR_INPUT, "%s: key 'name': '%.60s' has a /, expected the name of a report", p->path, name);
    struct shard shard = {1, 1};
    if (status == OK)
        status = shard_parse(&shard, option_string(p->options, "shard"), err);
    if (status == OK)
        text_printf(&path, "%s/%s", p->output, name ? name : first->valuestring);
    if (status == OK && shard.of > 1)
        text_printf(&path, "-shard-%zu-of-%zu", shard.index, shard.of);
    if (status == OK)
        text_puts(&path, ".json");
    *report = path.data;
    return status;
}

/* All reports are one page. */
static enum status write_page(const cJSON *reports, const char *folder, const char *title, struct error *err)
{
    struct text path = {0};
    text_printf(&path, "%s/page.html", folder);
    enum status status = page_write_files(path.data, title, reports, err);
    if (status == OK)
        say(stdout, "page: %s\n", path.data);
    text_free(&path);
    return status;
}

/* One evaluation, ready to run. */
struct evaluation {
    const struct task *task;
    cJSON *values;
    char *report;
};

static void evaluations_free(struct evaluation *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cJSON_Delete(list[i].values);
        free(list[i].report);
    }
    free(list);
}

/* Reads all of them, so that the last one's mistake is told before the first one runs; *n are in `list`, whatever is returned. */
static enum status read_evaluations(const struct experiment_file *p, const cJSON *entries, struct evaluation *list, size_t *n,
                                    struct error *err)
{
    const cJSON *entry;
    enum status status = OK;
    cJSON_ArrayForEach(entry, entries)
    {
        struct evaluation *e = &list[(*n)++];
        status = read_evaluation(p, entry, &e->task, &e->report, err);
        for (size_t i = 0; status == OK && i + 1 < *n; i++)
            if (strcmp(list[i].report, e->report) == 0)
                status = error_set(err, ERR_INPUT, "%s: two evaluations write %s, expected a 'name' of its own for each", p->path,
                                   e->report);
        if (status == OK)
            status = evaluation_options(&e->values, p, e->task, entry, e->report, err);
        if (status != OK)
            break;
    }
    return status;
}

static enum status run_all(const struct experiment_file *p, struct error *err)
{
    const cJSON *entries = cJSON_GetObjectItemCaseSensitive(p->root, "evaluations");
    const char *title = "difftf-eval";
    size_t n = 0;
    if (!cJSON_IsArray(entries) || entries->child == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'evaluations' is missing, expected a list of tasks", p->path);
    struct evaluation *list = calloc((size_t)cJSON_GetArraySize(entries), sizeof *list);
    cJSON *reports = cJSON_CreateArray();
    enum status status = json_get_string(p->root, "name", true, &title, p->path, err);
    if (status == OK)
        status = read_evaluations(p, entries, list, &n, err);
    for (size_t i = 0; i < n && status == OK; i++) {
        if (!option_flag(p->options, "quiet"))
            say(stdout, "== %s\n\n", list[i].task->name);
        cJSON_AddItemToArray(reports, cJSON_CreateString(list[i].report));
        status = cli_run_task(list[i].task, list[i].values, err);
        list[i].values = NULL; /* taken over */
        fflush(stdout);
    }
    if (status == OK && !option_flag(p->options, "dry-run") && option_string(p->options, "shard") == NULL)
        status = write_page(reports, p->output, title, err);
    cJSON_Delete(reports);
    evaluations_free(list, n);
    return status;
}

static enum status run(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *root = NULL;
    struct experiment_file p = {.options = options};
    char *found = NULL;
    if (cJSON_GetArraySize(arguments) != 1)
        return error_set(err, ERR_USAGE, "run: %d files given, expected one experiment", cJSON_GetArraySize(arguments));
    p.path = arguments->child->valuestring;
    if (!file_exists(p.path) && (found = embedded_path(p.path)) != NULL && file_exists(found))
        p.path = found; /* configs/quick.yaml of an installed program, from any folder */
    enum status status = yaml_read(&root, p.path, err);
    p.root = root;
    if (status == OK)
        status = check_file(&p, err);
    if (status == OK && option_string(options, "out") == NULL)
        status = json_get_string(root, "output", false, &p.output, p.path, err);
    if (option_string(options, "out") != NULL)
        p.output = option_string(options, "out");
    if (status == OK && !option_flag(options, "dry-run"))
        status = file_make_directory(p.output, err);
    if (status == OK)
        status = run_all(&p, err);
    cJSON_Delete(root);
    free(found);
    return status;
}

const struct command COMMAND_RUN = {"run", "EXPERIMENT.yaml", "several evaluations from one file, and a page of them", OPTIONS,
                                    run};
