/* begin_report.c - see begin_report.h. */
#include "cli/begin_report.h"

#include <string.h>

static cJSON *describe(const struct subject *s)
{
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "name", s->name);
    if (s->model.config.family == NULL) { /* its results only */
        if (s->tokens[0] != '\0')
            cJSON_AddStringToObject(m, "tokenizer_sha256", s->tokens);
        return m;
    }
    cJSON_AddStringToObject(m, "family", s->model.config.family->model_type);
    cJSON_AddStringToObject(m, "path", s->model.folder);
    json_add_number(m, "n_params", (double)s->model.weights.n_params);
    json_add_number(m, "n_maps", (double)s->model.config.n_maps);
    cJSON_AddStringToObject(m, "sha256", s->sha256);
    if (s->tokenizer != NULL)
        cJSON_AddStringToObject(m, "tokenizer_sha256", tokenizer_sha256(s->tokenizer));
    return m;
}

static void put(struct report *r, const char *key, cJSON *value)
{
    cJSON_ReplaceItemInObjectCaseSensitive(r->root, key, value);
}

enum status begin_report(struct report *r, const struct experiment *e, struct error *err)
{
    char digest[65];
    cJSON *models = cJSON_CreateArray();
    report_begin(r, e->task->name, e->seed);
    r->baseline = e->baseline;
    experiment_digest(e, digest);
    cJSON_AddStringToObject(r->root, "digest", digest);
    for (size_t i = 0; i < e->n_subjects; i++)
        cJSON_AddItemToArray(models, describe(&e->subjects[i]));
    put(r, "options", experiment_options(e));
    put(r, "models", models);
    put(r, "data", cJSON_Duplicate(e->data, true));
    if (cJSON_GetArraySize(e->notes) > 0)
        cJSON_AddItemToObject(r->root, "notes", cJSON_Duplicate(e->notes, true));
    for (const struct view *v = e->task->views; v != NULL && v->kind != NULL; v++)
        report_add_view(r, v);
    return r->series != NULL ? OK : error_set(err, ERR_SYSTEM, "report: out of memory");
}
