/* stored.c - see stored.h. */
#include "cli/stored.h"

#include "report/page.h"
#include "tasks/tasks.h"

#include <stdlib.h>
#include <string.h>

enum status stored_task(const cJSON *report, const char *path, const struct task **task, cJSON **options, struct error *err)
{
    *task = tasks_find(json_text(report, "task"));
    *options = NULL;
    if (*task == NULL)
        return error_set(err, ERR_INPUT, "%s: key 'task': '%.40s' is not known, expected a task that difftf-eval list names",
                         path, json_text(report, "task"));
    enum status status = options_parse(options, NULL, COMMON_OPTIONS, (*task)->options, 0, NULL, err);
    return status == OK ? options_set(*options, json_path(report, "options"), path, COMMON_OPTIONS, (*task)->options, err)
                        : status;
}

enum status stored_item(void *typed, const struct experiment *e, const cJSON *item, struct error *err)
{
    return item_read(typed, e->task->dimensions, json_path(item, "where"), json_text(item, "id"), err);
}

static enum status check_weights(const struct experiment *e, const cJSON *report, struct error *err)
{
    for (size_t i = 0; i < e->n_subjects; i++) {
        const char *was = json_text(cJSON_GetArrayItem(json_path(report, "models"), (int)i), "sha256");
        if (was != NULL && strcmp(was, e->subjects[i].sha256) != 0)
            return error_set(err, ERR_INPUT, "%s: its weights are not those of the report, expected sha256 %.12s..",
                             e->subjects[i].model.folder, was);
    }
    return OK;
}

enum status stored_open(struct experiment *e, const cJSON *report, const char *path, struct error *err)
{
    const struct task *task;
    cJSON *values = NULL;
    const cJSON *m;
    enum status status = stored_task(report, path, &task, &values, err);
    if (status != OK) {
        cJSON_Delete(values);
        return status;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(values, "model");
    cJSON *models = cJSON_AddArrayToObject(values, "model");
    cJSON_ArrayForEach(m, json_path(report, "models"))
    {
        struct text spec = {0};
        text_printf(&spec, "%s=%s", json_text(m, "name"), json_text(m, "path") ? json_text(m, "path") : "");
        cJSON_AddItemToArray(models, cJSON_CreateString(spec.data));
        text_free(&spec);
    }
    status = experiment_open(e, task, values, err);
    if (status == OK && (status = check_weights(e, report, err)) != OK)
        experiment_close(e);
    return status;
}

static enum status add_prompt(const struct experiment *e, cJSON *item, void *typed, struct error *err)
{
    cJSON *prompt = cJSON_CreateObject();
    enum status status = stored_item(typed, e, item, err);
    if (status == OK)
        status = e->task->prompt(e, typed, &e->subjects[0], prompt, err);
    if (status == OK)
        cJSON_AddItemToObject(item, PAGE_PROMPT, prompt);
    else
        cJSON_Delete(prompt);
    return status;
}

enum status stored_prompts(cJSON *report, const char *path, size_t most, struct error *err)
{
    struct experiment e;
    const struct task *task = tasks_find(json_text(report, "task"));
    cJSON *item;
    if (task == NULL || task->prompt == NULL)
        return OK;
    enum status status = stored_open(&e, report, path, err);
    if (status != OK)
        return status;
    void *typed = calloc(1, task->item_size);
    size_t n = 0;
    for (int differ = 1; differ >= 0; differ--)
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(report, "items"))
        {
            if (status == OK && n < most && page_item_differs(item) == (differ == 1)) {
                status = add_prompt(&e, item, typed, err);
                n++;
            }
        }
    free(typed);
    experiment_close(&e);
    return status;
}
