/* curves.c - see curves.h. */
#include "train/curves.h"

#include "base/file.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

/* What is drawn of each line of a log. */
static const struct {
    const char *key, *title, *y_label;
} CURVES[] = {{"loss", "Loss in training", "loss"},
              {"validation_loss", "Loss on the validation set", "loss"},
              {"grad_norm", "Norm of the gradient", "norm"},
              {"lr", "Learning rate", "rate"}};
enum { N_CURVES = sizeof CURVES / sizeof *CURVES };

static struct interval exactly(double x)
{
    return (struct interval){x, x, x};
}

/* One training's log, line by line. */
struct log {
    cJSON *lines; /* array */
    struct text all;
};

static enum status read_log(struct log *log, const char *folder, struct error *err)
{
    char *path = path_join(folder, "train.jsonl"), *text = NULL;
    size_t length = 0;
    enum status status = path ? file_read(&text, &length, path, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    log->lines = cJSON_CreateArray();
    for (char *line = text, *end; status == OK && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        cJSON *entry = NULL;
        status = json_parse(&entry, path, line, (size_t)(end - line), err);
        if (status == OK && (!cJSON_IsNumber(json_path(entry, "tokens")) || !cJSON_IsNumber(json_path(entry, "loss"))))
            status = error_set(err, ERR_INPUT, "%s: a line has no tokens or no loss, expected a log of difftf-train", path);
        cJSON_AddItemToArray(log->lines, entry);
    }
    if (status == OK && log->lines->child == NULL)
        status = error_set(err, ERR_INPUT, "%s: is empty, expected the log of a training", path);
    if (status == OK && !text_add(&log->all, text, length))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    free(path);
    free(text);
    return status;
}

/* The points that a path in the lines leads to; no curve where there are none. */
static void add_curve(struct report *r, const cJSON *lines, const char *name, const char *path, const char *model, cJSON *where,
                      const char *y_label)
{
    cJSON *series = NULL;
    const cJSON *line;
    cJSON_ArrayForEach(line, lines)
    {
        if (!cJSON_IsNumber(json_path(line, path)))
            continue;
        if (series == NULL)
            series = report_add_series(r, name, model, where, "tokens", y_label, "linear");
        report_add_point(series, json_real(line, "tokens"), exactly(json_real(line, path)));
    }
    cJSON_Delete(where);
}

/* What training.json says of a finished training. */
static enum status add_result(struct report *r, const char *model, const char *folder, struct error *err)
{
    static const struct {
        const char *key, *name, *better;
    } numbers[] = {{"loss", "final_loss", "lower"}, {"n_params", "parameters", NULL}, {"tokens", "tokens", NULL}};
    char *path = path_join(folder, "training.json");
    cJSON *json = NULL, *where = cJSON_CreateObject();
    enum status status = path ? OK : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    if (status == OK && file_exists(path))
        status = json_read(&json, path, err);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && json != NULL; i++)
        report_add_value(r, numbers[i].name, model, where, exactly(json_real(json, numbers[i].key)), 1, numbers[i].better);
    cJSON_Delete(where);
    cJSON_Delete(json);
    free(path);
    return status;
}

static enum status add_training(struct report *r, struct text *all, const char *argument, struct error *err)
{
    const char *equals = strchr(argument, '='), *folder = equals ? equals + 1 : argument;
    char *name = equals ? strndup(argument, (size_t)(equals - argument)) : strdup(argument);
    cJSON *model = cJSON_CreateObject();
    struct log log = {0};
    enum status status = name ? read_log(&log, folder, err) : error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    cJSON_AddStringToObject(model, "name", name ? name : "");
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(r->root, "models"), model);
    for (size_t i = 0; i < N_CURVES && status == OK; i++)
        add_curve(r, log.lines, CURVES[i].key, CURVES[i].key, name, cJSON_CreateObject(), CURVES[i].y_label);
    int layers = status == OK ? cJSON_GetArraySize(json_path(log.lines->child, "lambda")) : 0;
    for (int l = 0; l < layers; l++) {
        char path[32];
        cJSON *where = cJSON_CreateObject();
        snprintf(path, sizeof path, "lambda.%d", l);
        json_add_number(where, "layer", l);
        add_curve(r, log.lines, "lambda", path, name, where, "lambda");
    }
    if (status == OK)
        status = add_result(r, name, folder, err);
    if (status == OK && !text_add(all, log.all.data, log.all.len))
        status = error_set(err, ERR_SYSTEM, "%s: out of memory", folder);
    text_free(&log.all);
    cJSON_Delete(log.lines);
    free(name);
    return status;
}

enum status curves_write(const char *const *folders, size_t n, const char *path, struct error *err)
{
    struct report r;
    struct text all = {0};
    char digest[65];
    enum status status = OK;
    report_begin(&r, "training", 0);
    for (size_t i = 0; i < n && status == OK; i++)
        status = add_training(&r, &all, folders[i], err);
    sha256_hex(digest, all.data, all.len);
    cJSON_AddStringToObject(r.root, "digest", digest);
    for (size_t i = 0; i < N_CURVES; i++)
        report_add_view(&r, &(struct view){"lines", CURVES[i].key, CURVES[i].title, NULL, NULL});
    report_add_view(&r, &(struct view){"lines", "lambda", "Lambda of each layer", NULL, NULL});
    report_add_view(&r, &(struct view){"table", "final_loss,parameters,tokens", "Finished trainings", NULL, NULL});
    if (status == OK)
        status = report_write(&r, path, cJSON_CreateArray(), cJSON_CreateObject(), err);
    text_free(&all);
    report_free(&r);
    return status;
}
