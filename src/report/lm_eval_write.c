/* lm_eval_write.c - see lm_eval.h. */
#include "base/file.h"
#include "formats/json.h"
#include "report/lm_eval.h"
#include "report/statistics.h"
#include "report/values.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is written for one model. */
struct writing {
    const cJSON *report;
    const char *model, *folder;
    char *stamp, *name; /* of the files: the date; the model as a folder's name */
    cJSON *root;        /* results_*.json */
    int *files;
};

/* A place as a task of the Harness: "choice_reading_shots_0", letters, digits and _ alone. */
static char *task_name(const cJSON *report, const cJSON *where)
{
    struct text out = {0};
    const cJSON *d;
    text_puts(&out, json_text(report, "task"));
    cJSON_ArrayForEach(d, where)
    {
        if (strcmp(d->string, "task") != 0)
            text_printf(&out, "_%s", d->string);
        if (cJSON_IsString(d))
            text_printf(&out, "_%s", d->valuestring);
        else
            text_printf(&out, "_%.9g", cJSON_GetNumberValue(d));
    }
    for (char *p = out.data; *p != '\0'; p++)
        *p = isalnum((unsigned char)*p) || strchr("-.", *p) ? *p : '_';
    return out.data;
}

/* Has `all` every member of `some`, and more? */
static bool is_within(const cJSON *all, const cJSON *some)
{
    const cJSON *d;
    cJSON_ArrayForEach(d, some)
    {
        if (!cJSON_Compare(cJSON_GetObjectItemCaseSensitive(all, d->string), d, true))
            return false;
    }
    return cJSON_GetArraySize(all) > cJSON_GetArraySize(some);
}

/* The metrics that a report makes of the items at a place alone: rows that say from which field, and no index of it. */
static bool is_of_samples(const cJSON *row, const char *model)
{
    const char *field = json_text(row, "field");
    return strcmp(json_text(row, "model"), model) == 0 && field != NULL && strchr(field, '*') == NULL &&
           json_text(row, "per") == NULL;
}

/* The places of such metrics that no other divides. */
static cJSON *list_places(const cJSON *report, const char *model)
{
    cJSON *places = cJSON_CreateArray();
    const cJSON *row, *other;
    cJSON_ArrayForEach(row, json_path(report, "metrics"))
    {
        const cJSON *where = json_path(row, "where");
        bool finest = is_of_samples(row, model) && !json_array_has(places, where);
        cJSON_ArrayForEach(other, json_path(report, "metrics"))
        {
            if (finest && is_of_samples(other, model))
                finest = !is_within(json_path(other, "where"), where);
        }
        if (finest)
            cJSON_AddItemToArray(places, cJSON_Duplicate(where, true));
    }
    return places;
}

static void add_hash(cJSON *line, const char *name, const char *text)
{
    char hex[65];
    sha256_hex(hex, text, strlen(text));
    cJSON_AddStringToObject(line, name, hex);
}

/* Log-probabilities of choices as the Harness has them, else the output. */
static void add_responses(cJSON *line, const cJSON *result)
{
    const cJSON *p, *choices = json_path(result, "evidence.log_p");
    cJSON *resps = cJSON_AddArrayToObject(line, "resps"), *filtered = cJSON_AddArrayToObject(line, "filtered_resps");
    if (!cJSON_IsArray(choices)) {
        cJSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_CreateString(json_text(result, "output")));
        cJSON_AddItemToArray(resps, one);
        cJSON_AddItemToArray(filtered, cJSON_CreateString(json_text(result, "output")));
        return;
    }
    cJSON_ArrayForEach(p, choices)
    {
        char number[32];
        snprintf(number, sizeof number, "%.9g", cJSON_GetNumberValue(p));
        const char *const pair[] = {number, "False"};
        cJSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_CreateStringArray(pair, 2));
        cJSON_AddItemToArray(resps, one);
        cJSON_AddItemToArray(filtered, cJSON_CreateStringArray(pair, 2));
    }
}

/* A request for each response; a report has no prompts, so that an item's id stands for it. */
static void add_arguments(cJSON *line, const char *id, const cJSON *result)
{
    cJSON *arguments = cJSON_CreateObject();
    const cJSON *choices = json_path(result, "evidence.log_p");
    int n = cJSON_IsArray(choices) ? cJSON_GetArraySize(choices) : 1;
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "gen_args_%d", i);
        cJSON *one = cJSON_AddObjectToObject(arguments, name);
        cJSON_AddStringToObject(one, "arg_0", id);
        cJSON_AddStringToObject(one, "arg_1", "");
    }
    cJSON_AddItemToObject(line, "arguments", arguments);
}

static char *target_of(const cJSON *result)
{
    static const char *const paths[] = {"evidence.target", "evidence.expected", "evidence.label"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const cJSON *target = json_path(result, paths[i]);
        if (target != NULL)
            return cJSON_IsString(target) ? strdup(target->valuestring) : cJSON_PrintUnformatted(target);
    }
    return strdup("");
}

static cJSON *sample(const cJSON *item, const char *model, size_t number, const cJSON *rows)
{
    cJSON *line = cJSON_CreateObject(), *doc = cJSON_CreateObject();
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(json_path(item, "results"), model), *row;
    const char *id = json_text(item, "id");
    char *target = target_of(result);
    json_add_number(line, "doc_id", (double)number);
    cJSON_AddStringToObject(doc, "id", id);
    cJSON_AddItemToObject(doc, "where", cJSON_Duplicate(json_path(item, "where"), true));
    cJSON_AddItemToObject(line, "doc", doc);
    cJSON_AddStringToObject(line, "target", target);
    add_arguments(line, id, result);
    add_responses(line, result);
    cJSON_AddStringToObject(line, "filter", "none");
    cJSON *metrics = cJSON_AddArrayToObject(line, "metrics");
    add_hash(line, "doc_hash", id);
    add_hash(line, "prompt_hash", id);
    add_hash(line, "target_hash", target);
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *value = json_path(result, json_text(row, "field"));
        if (!cJSON_IsNumber(value))
            continue;
        cJSON_AddItemToArray(metrics, cJSON_CreateString(json_text(row, "name")));
        json_add_number(line, json_text(row, "name"), value->valuedouble);
    }
    free(target);
    return line;
}

/* The rows of the model at exactly this place. */
static cJSON *rows_at(const struct writing *w, const cJSON *where)
{
    cJSON *rows = cJSON_CreateArray();
    const cJSON *row;
    cJSON_ArrayForEach(row, json_path(w->report, "metrics"))
    {
        if (strcmp(json_text(row, "model"), w->model) == 0 && cJSON_Compare(json_path(row, "where"), where, true))
            cJSON_AddItemToArray(rows, cJSON_Duplicate(row, true));
    }
    return rows;
}

/* samples_TASK_DATE.jsonl; *n lines. */
static enum status write_samples(const struct writing *w, const char *task, const cJSON *where, const cJSON *rows, size_t *n,
                                 struct error *err)
{
    struct text path = {0};
    struct file_writer file;
    cJSON *of_samples = cJSON_CreateArray();
    const cJSON *item, *row;
    cJSON_ArrayForEach(row, rows)
    {
        if (is_of_samples(row, w->model))
            cJSON_AddItemToArray(of_samples, cJSON_Duplicate(row, true));
    }
    text_printf(&path, "%s/samples_%s_%s.jsonl", w->folder, task, w->stamp);
    enum status status = file_writer_open(&file, path.data, err);
    *n = 0;
    if (status == OK) {
        cJSON_ArrayForEach(item, json_path(w->report, "items"))
        {
            if (!values_match(item, where) || !cJSON_HasObjectItem(json_path(item, "results"), w->model))
                continue;
            cJSON *line = sample(item, w->model, (*n)++, of_samples);
            char *text = cJSON_PrintUnformatted(line);
            fprintf(file.stream, "%s\n", text);
            free(text);
            cJSON_Delete(line);
        }
        status = file_writer_commit(&file, err);
        *w->files += status == OK;
    }
    cJSON_Delete(of_samples);
    text_free(&path);
    return status;
}

/* The standard error of the mean of the values behind a row, as the Harness has it; else that of the row's interval; NaN: none.
 */
static double standard_error(const struct writing *w, const cJSON *row)
{
    struct values v = {0};
    const cJSON *item;
    double sum = 0, squares = 0, error = (json_real(row, "ci.1") - json_real(row, "ci.0")) / (2 * Z95);
    cJSON_ArrayForEach(item, json_path(w->report, "items"))
    {
        if (is_of_samples(row, w->model) && values_match(item, json_path(row, "where")))
            values_add(&v, item, w->model, NULL, NULL, json_text(row, "field"));
    }
    for (size_t i = 0; i < v.n; i++)
        sum += v.x[i];
    for (size_t i = 0; i < v.n; i++)
        squares += (v.x[i] - sum / (double)v.n) * (v.x[i] - sum / (double)v.n);
    if (v.n > 1 && fabs(sum / (double)v.n - json_real(row, "value")) < 1e-6)
        error = sqrt(squares / (double)(v.n - 1) / (double)v.n);
    values_free(&v);
    return error;
}

/* "accuracy,none": 0.5, "accuracy_stderr,none": 0.1 */
static void add_figures(const struct writing *w, cJSON *to, cJSON *better, const cJSON *rows)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        struct text key = {0};
        double error = standard_error(w, row);
        const char *name = json_text(row, "name"), *direction = json_text(row, "better");
        text_printf(&key, "%s,none", name);
        json_add_number(to, key.data, json_real(row, "value"));
        key.len = 0;
        text_printf(&key, "%s_stderr,none", name);
        if (isfinite(error))
            json_add_number(to, key.data, error);
        else
            cJSON_AddStringToObject(to, key.data, "N/A");
        cJSON_AddItemToObject(better, name, direction ? cJSON_CreateBool(strcmp(direction, "higher") == 0) : cJSON_CreateNull());
        text_free(&key);
    }
}

static cJSON *member(const struct writing *w, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(w->root, name);
}

static void add_config(const struct writing *w, const char *task, const cJSON *where, bool choices)
{
    cJSON *config = cJSON_AddObjectToObject(member(w, "configs"), task);
    double shots = json_real(where, "shots");
    char hex[65];
    cJSON_AddStringToObject(config, "task", task);
    cJSON_AddStringToObject(config, "output_type", choices ? "multiple_choice" : "generate_until");
    json_add_number(config, "num_fewshot", shots > 0 ? shots : 0);
    cJSON_AddItemToObject(config, "metadata", cJSON_Duplicate(where, true));
    cJSON_AddItemToObject(config, "options", cJSON_Duplicate(json_path(w->report, "options"), true));
    json_add_number(member(w, "versions"), task, 1);
    json_add_number(member(w, "n-shot"), task, shots > 0 ? shots : 0);
    struct text all = {0};
    text_printf(&all, "%s %s", json_text(w->report, "digest"), task);
    sha256_hex(hex, all.data, all.len);
    cJSON_AddStringToObject(member(w, "task_hashes"), task, hex);
    text_free(&all);
}

static enum status write_place(const struct writing *w, const cJSON *where, struct error *err)
{
    char *task = task_name(w->report, where);
    cJSON *rows = rows_at(w, where), *result = cJSON_CreateObject();
    size_t n;
    enum status status = write_samples(w, task, where, rows, &n, err);
    cJSON_AddStringToObject(result, "name", task);
    cJSON_AddStringToObject(result, "alias", task);
    json_add_number(result, "sample_len", (double)n);
    add_figures(w, result, cJSON_AddObjectToObject(member(w, "higher_is_better"), task), rows);
    cJSON_AddItemToObject(member(w, "results"), task, result);
    cJSON *samples = cJSON_AddObjectToObject(member(w, "n-samples"), task);
    json_add_number(samples, "original", (double)n);
    json_add_number(samples, "effective", (double)n);
    add_config(w, task, where,
               json_path(w->report, "items.0.results") != NULL &&
                   cJSON_IsArray(json_path(json_path(w->report, "items.0.results")->child, "evidence.log_p")));
    cJSON_Delete(rows);
    free(task);
    return status;
}

/* When the run ended: its seconds since 1970, and "2026-11-27T12-49-05" with the Harness's fraction for names. */
static double date_of(const cJSON *report, char **stamp)
{
    struct tm t = {0};
    struct text out = {0};
    const char *finished = json_text(report, "run.finished");
    if (finished == NULL || strptime(finished, "%Y-%m-%dT%H:%M:%SZ", &t) == NULL) {
        t = (struct tm){.tm_year = 70, .tm_mday = 1};
        finished = "1970-01-01T00:00:00Z";
    }
    text_printf(&out, "%.19s.000000", finished);
    for (char *p = out.data; *p != '\0'; p++)
        *p = *p == ':' ? '-' : *p;
    *stamp = out.data;
    return (double)timegm(&t);
}

/* The members of results_*.json in the Harness's order; those that places fill are empty. */
static void begin_results(struct writing *w, const cJSON *model)
{
    static const char *const filled[] = {"results", "group_subtasks",   "configs",  "versions",
                                         "n-shot",  "higher_is_better", "n-samples"};
    static const char *const nothing[] = {"system_instruction", "system_instruction_sha", "fewshot_as_multiturn", "chat_template",
                                          "chat_template_sha"};
    static const char *const seeds[] = {"random_seed", "numpy_seed", "torch_seed", "fewshot_seed"};
    const char *path = json_text(model, "path"), *cpu = json_text(w->report, "run.cpu");
    double date = date_of(w->report, &w->stamp);
    w->root = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++)
        cJSON_AddObjectToObject(w->root, filled[i]);
    cJSON *config = cJSON_AddObjectToObject(w->root, "config"), *arguments = cJSON_CreateObject();
    cJSON_AddStringToObject(config, "model", "difftf-eval");
    cJSON_AddStringToObject(arguments, "pretrained", path ? path : w->model);
    cJSON_AddItemToObject(config, "model_args", arguments);
    json_add_number(config, "batch_size", 1);
    cJSON_AddArrayToObject(config, "batch_sizes");
    cJSON_AddStringToObject(config, "device", "cpu");
    cJSON_AddNullToObject(config, "use_cache");
    cJSON_AddNullToObject(config, "limit");
    json_add_number(config, "bootstrap_iters", 0);
    cJSON_AddObjectToObject(config, "gen_kwargs");
    for (size_t i = 0; i < 4; i++)
        json_add_number(config, seeds[i], json_real(w->report, "seed"));
    cJSON_AddNullToObject(w->root, "git_hash");
    json_add_number(w->root, "date", date);
    cJSON_AddStringToObject(w->root, "pretty_env_info", cpu ? cpu : "");
    cJSON_AddStringToObject(w->root, "transformers_version", "N/A");
    struct text version = {0};
    text_printf(&version, "difftf-eval %s", json_text(w->report, "version"));
    cJSON_AddStringToObject(w->root, "lm_eval_version", version.data);
    text_free(&version);
    cJSON_AddNullToObject(w->root, "upper_git_hash");
    cJSON_AddObjectToObject(w->root, "task_hashes");
    cJSON_AddStringToObject(w->root, "model_source", "difftf-eval");
    cJSON_AddStringToObject(w->root, "model_name", w->model);
    cJSON_AddStringToObject(w->root, "model_name_sanitized", w->name);
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        cJSON_AddNullToObject(w->root, nothing[i]);
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%.9g", fmax(0, json_real(w->report, "run.seconds")));
    cJSON_AddStringToObject(w->root, "total_evaluation_time_seconds", seconds);
}

static enum status write_model(const char *folder, const cJSON *report, const cJSON *model, int *files, struct error *err)
{
    struct writing w = {
        .report = report, .model = json_text(model, "name"), .name = strdup(json_text(model, "name")), .files = files};
    for (char *p = w.name; *p != '\0'; p++)
        *p = isalnum((unsigned char)*p) || strchr("-_", *p) || (*p == '.' && p > w.name) ? *p : '_';
    char *own = path_join(folder, w.name);
    cJSON *places = list_places(report, w.model);
    const cJSON *where;
    struct text path = {0};
    w.folder = own;
    begin_results(&w, model);
    enum status status = file_make_directory(own, err);
    cJSON_ArrayForEach(where, places)
    {
        if (status == OK)
            status = write_place(&w, where, err);
    }
    text_printf(&path, "%s/results_%s.json", own, w.stamp);
    if (status == OK)
        status = json_write(path.data, w.root, err);
    *files += status == OK;
    text_free(&path);
    cJSON_Delete(places);
    cJSON_Delete(w.root);
    free(w.stamp);
    free(w.name);
    free(own);
    return status;
}

enum status lm_eval_write(const char *folder, const cJSON *report, int *files, struct error *err)
{
    const cJSON *model;
    enum status status = OK;
    *files = 0;
    cJSON_ArrayForEach(model, json_path(report, "models"))
    {
        if (status == OK)
            status = write_model(folder, report, model, files, err);
    }
    return status;
}
