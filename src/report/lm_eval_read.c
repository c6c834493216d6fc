/* lm_eval_read.c - see lm_eval.h. */
#include "base/file.h"
#include "formats/json.h"
#include "report/lm_eval.h"
#include "report/lm_eval_files.h"
#include "report/report.h"
#include "report/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char NO_FILTER[] = "none";

/* What is read so far. */
struct reading {
    struct report report;
    cJSON *items;
    cJSON **results; /* [n_runs] one a model of the report: documents of results_*.json, NULL where there is none */
    size_t n_runs;
    cJSON *figures; /* array of {task, filter, metric}, each once */
    struct text digests;
};

/* A name as one step of a path. */
static char *step(const char *name)
{
    char *out = strdup(name);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '.' ? '_' : *p;
    return out;
}

/* `dimension`: is it of a task or of a group of them? */
static void add_figure(struct reading *r, const char *dimension, const char *task, const char *filter, const char *metric)
{
    const cJSON *f;
    cJSON_ArrayForEach(f, r->figures)
    {
        if (strcmp(json_text(f, "task"), task) == 0 && strcmp(json_text(f, "filter"), filter) == 0 &&
            strcmp(json_text(f, "metric"), metric) == 0)
            return;
    }
    cJSON *new = cJSON_CreateObject();
    cJSON_AddStringToObject(new, "dimension", dimension);
    cJSON_AddStringToObject(new, "task", task);
    cJSON_AddStringToObject(new, "filter", filter);
    cJSON_AddStringToObject(new, "metric", metric);
    cJSON_AddItemToArray(r->figures, new);
}

static cJSON *where_of(const char *dimension, const char *task, const char *filter)
{
    cJSON *where = cJSON_CreateObject();
    cJSON_AddStringToObject(where, dimension, task);
    if (strcmp(filter, NO_FILTER) != 0)
        cJSON_AddStringToObject(where, "filter", filter);
    return where;
}

/* The item of a line, as it is when it is new. */
static cJSON *item_of(const cJSON *line, const char *task, const char *filter)
{
    cJSON *item = cJSON_CreateObject(), *where = where_of("task", task, filter);
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(line, "doc_id");
    const char *hash = json_text(line, "doc_hash");
    struct text id = {0};
    text_printf(&id, "task=%s,filter=%s,document=%.0f,hash=%.12s", task, filter, cJSON_GetNumberValue(number), hash ? hash : "");
    cJSON_AddStringToObject(item, "id", id.data);
    cJSON_AddItemToObject(where, "document", json_number(cJSON_GetNumberValue(number)));
    cJSON_AddItemToObject(item, "where", where);
    cJSON_AddObjectToObject(item, "results");
    text_free(&id);
    return item;
}

/* What a model made of a document: the numbers of the line that `metrics` names. */
static cJSON *result_of(struct reading *r, const cJSON *line, const char *task, const char *filter)
{
    cJSON *result = cJSON_CreateObject(), *evidence = cJSON_CreateObject();
    const cJSON *metric, *first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(line, "filtered_resps"), 0);
    cJSON_AddStringToObject(result, "output", cJSON_IsString(first) ? first->valuestring : "");
    cJSON_AddItemToObject(result, "evidence", evidence);
    cJSON *score = NULL;
    cJSON_ArrayForEach(metric, cJSON_GetObjectItemCaseSensitive(line, "metrics"))
    {
        const cJSON *value = cJSON_IsString(metric) ? cJSON_GetObjectItemCaseSensitive(line, metric->valuestring) : NULL;
        if (!cJSON_IsNumber(value) && !cJSON_IsBool(value))
            continue;
        double x = cJSON_IsNumber(value) ? value->valuedouble : cJSON_IsTrue(value);
        char *name = step(metric->valuestring);
        json_add_number(evidence, name, x);
        add_figure(r, "task", task, filter, metric->valuestring);
        score = score ? score : json_number(x);
        free(name);
    }
    cJSON_AddItemToObject(result, "score", score ? score : cJSON_CreateNull());
    return result;
}

/* The lines of one file as items; those that another model has, too, get a result of this one. */
static enum status read_samples(struct reading *r, const char *path, const char *model, struct error *err)
{
    char *text, *task = lm_eval_task_of(path), hex[65];
    size_t length, number = 0;
    const cJSON *next = r->items->child;
    enum status status = file_read(&text, &length, path, err);
    if (status == OK) {
        sha256_hex(hex, text, length);
        text_puts(&r->digests, hex);
    }
    for (char *line = text, *end; status == OK && line < text + length; line = end + 1) {
        struct text name = {0};
        cJSON *root = NULL;
        end = memchr(line, '\n', (size_t)(text + length - line));
        end = end ? end : text + length;
        number++;
        if (strspn(line, " \r") == (size_t)(end - line))
            continue;
        text_printf(&name, "%s: line %zu", path, number);
        status = lm_eval_parse(&root, name.data, line, (size_t)(end - line), err);
        if (status == OK && (!cJSON_IsNumber(json_path(root, "doc_id")) || !cJSON_IsArray(json_path(root, "metrics"))))
            status = error_set(err, ERR_INPUT, "%s: has no doc_id or no metrics, expected a sample of the LM Evaluation Harness",
                               name.data);
        if (status == OK) {
            const char *filter = json_text(root, "filter") ? json_text(root, "filter") : NO_FILTER;
            cJSON *item = item_of(root, task, filter);
            bool first = report_n_models(&r->report) == 1; /* whose documents are all new */
            cJSON *known = first ? NULL : (cJSON *)(uintptr_t)values_partner(r->items, item, &next);
            if (known == NULL)
                cJSON_AddItemToArray(r->items, known = item);
            else
                cJSON_Delete(item);
            cJSON *results = cJSON_GetObjectItemCaseSensitive(known, "results");
            if (cJSON_HasObjectItem(results, model))
                status = error_set(err, ERR_INPUT, "%s: the document is there twice, expected each once", name.data);
            else
                cJSON_AddItemToObject(results, model, result_of(r, root, task, filter));
        }
        cJSON_Delete(root);
        text_free(&name);
    }
    free(text);
    free(task);
    return status;
}

/* The figures of results_*.json: "metric,filter" of each task and group. */
static void list_figures(struct reading *r, const cJSON *root)
{
    const cJSON *task, *value, *groups = json_path(root, "groups");
    cJSON_ArrayForEach(task, json_path(root, "results"))
    {
        const char *dimension = cJSON_GetObjectItemCaseSensitive(groups, task->string) ? "group" : "task";
        cJSON_ArrayForEach(value, task)
        {
            const char *comma = value->string ? strrchr(value->string, ',') : NULL;
            if (comma == NULL || !cJSON_IsNumber(value) || strstr(value->string, "_stderr,") != NULL)
                continue;
            char *metric = strndup(value->string, (size_t)(comma - value->string));
            add_figure(r, dimension, task->string, comma + 1, metric);
            free(metric);
        }
    }
}

/* A number of results_*.json; NaN when it is not there. */
static double figure_of(const cJSON *root, const cJSON *figure, const char *more)
{
    struct text key = {0};
    text_printf(&key, "%s%s,%s", json_text(figure, "metric"), more, json_text(figure, "filter"));
    const cJSON *task =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "results"), json_text(figure, "task"));
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(task, key.data);
    text_free(&key);
    return cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
}

static const char *better_of(const struct reading *r, const cJSON *figure)
{
    for (size_t m = 0; m < report_n_models(&r->report); m++) {
        const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(r->results[m], "higher_is_better");
        const cJSON *better = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(tasks, json_text(figure, "task")),
                                                               json_text(figure, "metric"));
        if (cJSON_IsBool(better))
            return cJSON_IsTrue(better) ? "higher" : "lower";
    }
    return NULL;
}

/* Is the figure the mean of the samples, wherever the Harness says one? *bounded: are these from 0 to 1? */
static bool is_mean(const struct reading *r, const cJSON *figure, const cJSON *where, const char *field, bool *bounded)
{
    const cJSON *item;
    bool any = false, same = true;
    *bounded = true;
    for (size_t m = 0; m < report_n_models(&r->report); m++) {
        struct values v = {0};
        double sum = 0, said = figure_of(r->results[m], figure, "");
        cJSON_ArrayForEach(item, r->items)
        {
            if (values_match(item, where))
                values_add(&v, item, report_model(&r->report, m), NULL, NULL, field);
        }
        for (size_t i = 0; i < v.n; i++) {
            sum += v.x[i];
            *bounded = *bounded && v.x[i] >= 0 && v.x[i] <= 1;
        }
        any = any || v.n > 0;
        if (isfinite(said) && !(fabs(sum / (double)v.n - said) <= 1e-6 * (1 + fabs(said))))
            same = false;
        values_free(&v);
    }
    return any && same;
}

/* The Harness's own figure, with the interval of its standard error. */
static void add_aggregate(struct reading *r, const cJSON *figure, const cJSON *where, const char *better)
{
    for (size_t m = 0; m < report_n_models(&r->report); m++) {
        double value = figure_of(r->results[m], figure, ""), error = figure_of(r->results[m], figure, "_stderr");
        const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(r->results[m], "n-samples");
        double n = json_real(cJSON_GetObjectItemCaseSensitive(tasks, json_text(figure, "task")), "effective");
        report_add_value(&r->report, json_text(figure, "metric"), report_model(&r->report, m), where,
                         (struct interval){value, value - Z95 * error, value + Z95 * error}, n > 0 ? (size_t)n : 0, better);
    }
}

static enum status add_metrics(struct reading *r, struct error *err)
{
    const cJSON *figure;
    struct text names = {0};
    enum status status = OK;
    cJSON_ArrayForEach(figure, r->figures)
    {
        struct text field = {0};
        char *name = step(json_text(figure, "metric"));
        cJSON *where = where_of(json_text(figure, "dimension"), json_text(figure, "task"), json_text(figure, "filter"));
        const char *better = better_of(r, figure);
        bool bounded;
        text_printf(&field, "evidence.%s", name);
        if (!is_mean(r, figure, where, field.data, &bounded))
            add_aggregate(r, figure, where, better);
        else if (status == OK)
            status = report_add(
                &r->report, r->items,
                &(struct metric){json_text(figure, "metric"), field.data, bounded ? METRIC_PROPORTION : METRIC_MEAN, better},
                where, err);
        if (names.data == NULL || strstr(names.data, json_text(figure, "metric")) == NULL)
            text_printf(&names, "%s%s", names.len ? "," : "", json_text(figure, "metric"));
        cJSON_Delete(where);
        free(name);
        text_free(&field);
    }
    report_add_view(&r->report,
                    &(struct view){"table", names.data ? names.data : "", "figures of the LM Evaluation Harness", NULL, NULL});
    text_free(&names);
    return status;
}

/* Reads the files of one run as the next model. */
static enum status read_run(struct reading *r, const cJSON *run, struct error *err)
{
    cJSON **root = &r->results[report_n_models(&r->report)];
    const char *path = json_text(run, "results"), *name = NULL;
    const cJSON *samples;
    enum status status = OK;
    char *text = NULL, hex[65];
    size_t length;
    if (path != NULL && (status = file_read(&text, &length, path, err)) == OK) {
        status = lm_eval_parse(root, path, text, length, err);
        sha256_hex(hex, text, length);
        text_puts(&r->digests, hex);
    }
    free(text);
    if (status == OK && *root != NULL && !cJSON_IsObject(json_path(*root, "results")))
        status = error_set(err, ERR_INPUT, "%s: key 'results' is missing, expected a file of the LM Evaluation Harness", path);
    if (status != OK)
        return status;
    name = json_text(*root, "model_name");
    name = name != NULL && name[0] != '\0' ? name : json_text(run, "folder");
    for (size_t m = 0; m < report_n_models(&r->report) && status == OK; m++)
        if (strcmp(report_model(&r->report, m), name) == 0)
            status = error_set(err, ERR_INPUT, "%s: is a second run of '%.100s', expected one of each model", path ? path : name,
                               name);
    cJSON *model = cJSON_CreateObject();
    cJSON_AddStringToObject(model, "name", name);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(r->report.root, "models"), model);
    list_figures(r, *root);
    cJSON_ArrayForEach(samples, json_path(run, "samples"))
    {
        if (status == OK)
            status = read_samples(r, samples->valuestring, name, err);
    }
    return status;
}

/* What the report says beside its rows. */
static void describe(struct reading *r, const char *path)
{
    cJSON *root = r->report.root, *run = cJSON_CreateObject();
    char hex[65];
    for (size_t m = 0; m < report_n_models(&r->report); m++) {
        const char *version = json_text(r->results[m], "lm_eval_version");
        cJSON *options = cJSON_GetObjectItemCaseSensitive(root, "options");
        if (version != NULL && !cJSON_HasObjectItem(options, "lm_eval_version"))
            cJSON_AddStringToObject(options, "lm_eval_version", version);
    }
    sha256_hex(hex, r->digests.data ? r->digests.data : "", r->digests.len);
    cJSON_AddStringToObject(root, "digest", hex);
    cJSON_AddStringToObject(run, "command", path);
    cJSON_AddItemToObject(root, "items", r->items);
    cJSON_AddItemToObject(root, "run", run);
    r->items = NULL;
}

static void reading_free(struct reading *r)
{
    for (size_t m = 0; m < r->n_runs; m++)
        cJSON_Delete(r->results[m]);
    free(r->results);
    cJSON_Delete(r->items);
    cJSON_Delete(r->figures);
    text_free(&r->digests);
}

enum status lm_eval_read(cJSON **report, const char *path, struct error *err)
{
    struct reading r = {.items = cJSON_CreateArray(), .figures = cJSON_CreateArray()};
    cJSON *runs = NULL;
    const cJSON *run;
    enum status status = lm_eval_list(&runs, path, err);
    r.n_runs = (size_t)cJSON_GetArraySize(runs);
    r.results = calloc(r.n_runs + 1, sizeof(cJSON *));
    report_begin(&r.report, "lm-eval", 0);
    r.report.seed = 1;
    cJSON_ArrayForEach(run, runs)
    {
        if (status == OK)
            status = read_run(&r, run, err);
    }
    if (status == OK)
        status = add_metrics(&r, err);
    if (status == OK && r.report.metrics->child == NULL)
        status = error_set(err, ERR_INPUT, "%s: has no figure, expected results or samples with metrics", path);
    if (status == OK) {
        describe(&r, path);
        *report = r.report.root;
        r.report.root = NULL;
    }
    report_free(&r.report);
    reading_free(&r);
    cJSON_Delete(runs);
    return status;
}
