/* item_commands.c - rescore and show: a finished report's items again. */
#include "base/file.h"
#include "base/visible.h"
#include "cli/attention.h"
#include "cli/begin_report.h"
#include "cli/commands.h"
#include "cli/stored.h"
#include "report/compare.h"
#include "report/report.h"
#include "tasks/tasks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* rescore: the command's own options are read here, since those of the task depend on the report. */

static const struct option_spec RESCORE_OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "the new report (default: REPORT with -rescored in its name)", true, 0},
    {"set", OPTION_STRINGS, NULL, 0, 0, "NAME=VALUE", "an option of the task under a new value, e.g. judge=lexical; repeatable",
     false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no tables", true, 0},
    OPTIONS_END,
};

/* NAME=VALUE as on the command line. */
static enum status override(cJSON *values, const cJSON *list, const struct task *task, struct error *err)
{
    const cJSON *item;
    enum status status = OK;
    cJSON_ArrayForEach(item, list)
    {
        const char *equals = strchr(item->valuestring, '=');
        if (equals == NULL)
            return error_set(err, ERR_USAGE, "--set: '%.60s' is wrong, expected NAME=VALUE", item->valuestring);
        cJSON *one = cJSON_CreateObject();
        char *name = strndup(item->valuestring, (size_t)(equals - item->valuestring));
        cJSON_AddStringToObject(one, name, equals + 1);
        status = options_set(values, one, "--set", COMMON_OPTIONS, task->options, err);
        free(name);
        cJSON_Delete(one);
        if (status != OK) {
            err->code = ERR_USAGE;
            return ERR_USAGE;
        }
    }
    return status;
}

static char *rescored_path(const char *path)
{
    struct text out = {0};
    size_t n = strlen(path);
    bool json = n > 5 && strcmp(path + n - 5, ".json") == 0;
    text_printf(&out, "%.*s-rescored.json", (int)(json ? n - 5 : n), path);
    return out.data;
}

static enum status rescore_items(const struct experiment *e, cJSON *items, struct error *err)
{
    cJSON *item, *result;
    void *typed = calloc(1, e->task->item_size);
    enum status status = typed ? OK : error_set(err, ERR_SYSTEM, "rescore: out of memory");
    cJSON_ArrayForEach(item, items)
    {
        if (status == OK)
            status = stored_item(typed, e, item, err);
        cJSON_ArrayForEach(result, cJSON_GetObjectItemCaseSensitive(item, "results"))
        {
            if (status == OK && stop_signal)
                status = error_set(err, ERR_STOPPED, "stopped, nothing was written");
            if (status == OK)
                status = e->task->rescore(e, typed, result, err);
        }
    }
    free(typed);
    return status;
}

static enum status write_rescored(struct experiment *e, cJSON *report, const char *path, bool quiet, struct error *err)
{
    struct report r = {0};
    cJSON *items = cJSON_DetachItemFromObjectCaseSensitive(report, "items");
    cJSON *run = cJSON_DetachItemFromObjectCaseSensitive(report, "run");
    enum status status = rescore_items(e, items, err);
    if (status == OK)
        status = begin_report(&r, e, err);
    if (status == OK) { /* models and data are those of the old report, whose files need not be there */
        static const char *const kept[] = {"models", "data"};
        for (size_t i = 0; i < 2; i++)
            cJSON_ReplaceItemInObjectCaseSensitive(r.root, kept[i], cJSON_Duplicate(json_path(report, kept[i]), true));
        const char *first = json_text(report, "rescore_of"); /* of what was scored again twice, the first */
        cJSON_AddStringToObject(r.root, "rescore_of", first ? first : json_text(report, "digest"));
        status = e->task->summarize(e, items, &r, err);
    }
    if (status == OK) {
        status = report_write(&r, path, items, run ? run : cJSON_CreateObject(), err);
    } else {
        cJSON_Delete(items);
        cJSON_Delete(run);
    }
    if (status == OK && !quiet)
        status = cli_print_report(r.root, path, err);
    report_free(&r);
    return status;
}

static enum status rescore(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *report = NULL, *values = NULL;
    const struct task *task = NULL;
    if (cJSON_GetArraySize(arguments) != 1)
        return error_set(err, ERR_USAGE, "rescore: %d reports given, expected one", cJSON_GetArraySize(arguments));
    const char *path = arguments->child->valuestring, *out = option_string(options, "out");
    enum status status = report_read(&report, path, err);
    if (status == OK)
        status = stored_task(report, path, &task, &values, err);
    if (status == OK && task->rescore == NULL)
        status = error_set(err, ERR_USAGE,
                           "rescore: %s has no other rule to score by, expected a report of needle or hallucination", task->name);
    if (status == OK)
        status = override(values, cJSON_GetObjectItemCaseSensitive(options, "set"), task, err);
    if (status != OK) {
        cJSON_Delete(report);
        cJSON_Delete(values);
        return status;
    }
    struct experiment e;
    char *target = out ? strdup(out) : rescored_path(path);
    status = experiment_open_stored(&e, task, values, json_path(report, "models"), err);
    if (status == OK) {
        cJSON_Delete(e.notes);
        e.notes = cJSON_Duplicate(json_path(report, "notes"), true);
        status = write_rescored(&e, report, target, option_flag(options, "quiet"), err);
        experiment_close(&e);
    }
    free(target);
    cJSON_Delete(report);
    return status;
}

const struct command COMMAND_RESCORE = {"rescore", "REPORT", "metrics again from the stored outputs, by another judge or rule",
                                        RESCORE_OPTIONS, rescore};

/* show */

static const struct option_spec SHOW_OPTIONS[] = {
    {"item", OPTION_STRING, NULL, 0, 0, "ID", "which item (without it: the list of all)", false, 0},
    {"model", OPTION_STRING, NULL, 0, 0, "NAME", "one model only", false, 0},
    {"run", OPTION_FLAG, NULL, 0, 0, NULL, "run it again, and show the prompt and the probability of each token of the output",
     false, 0},
    {"attention", OPTION_FLAG, NULL, 0, 0, NULL, "run it again, and write a page of its attention in all models", false, 0},
    {"out", OPTION_STRING, NULL, 0, 0, "PAGE.html", "attention: the page to write", false, 0},
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0},
    OPTIONS_END,
};

/* Prints what a session runs: text where many tokens pass at once, single tokens with their probabilities. */
struct tracer {
    const struct tokenizer *tokenizer;
    size_t vocab;
    float *logits; /* after the last token, when `known` */
    bool known;
};

static void print_tokens(const struct tracer *t, const int32_t *ids, size_t n)
{
    struct text text = {0};
    struct error ignored;
    if (tokenizer_decode(t->tokenizer, ids, n, true, &text, &ignored) == OK)
        say(stdout, "%s", text.data ? text.data : "");
    text_free(&text);
}

static double probability(const struct tracer *t, int32_t id)
{
    double top = -INFINITY, sum = 0;
    for (size_t i = 0; i < t->vocab; i++)
        top = (double)t->logits[i] > top ? (double)t->logits[i] : top;
    for (size_t i = 0; i < t->vocab; i++)
        sum += exp((double)t->logits[i] - top);
    return exp((double)t->logits[id] - top) / sum;
}

static void trace(void *context, size_t start, const int32_t *ids, size_t n, const float *last_logits)
{
    struct tracer *t = context;
    if (n == 1 && t->known) {
        say(stdout, "  %6zu  p %.4f  ", start, probability(t, ids[0]));
    } else {
        say(stdout, "--- tokens %zu to %zu\n", start, start + n - 1);
    }
    print_tokens(t, ids, n);
    putchar('\n');
    t->known = last_logits != NULL;
    if (t->known)
        memcpy(t->logits, last_logits, t->vocab * sizeof *t->logits);
}

static enum status run_again(const struct experiment *e, const void *item, const struct subject *subject, int threads,
                             struct error *err)
{
    struct session session;
    struct tracer t = {.tokenizer = subject->tokenizer, .vocab = subject->model.config.vocab_size};
    cJSON *result = cJSON_CreateObject();
    t.logits = mem_array(t.vocab, sizeof *t.logits);
    enum status status = t.logits ? session_init(&session, &subject->model, experiment_capacity(e, item), threads, err)
                                  : error_set(err, ERR_SYSTEM, "show: out of memory");
    if (status == OK) {
        session.stop = &stop_signal;
        session.trace = trace;
        session.trace_context = &t;
        say(stdout, "=== %s\n", subject->name);
        status = e->task->run(e, item, subject, &session, result, err);
        session_free(&session);
    }
    if (status == OK) {
        char *text = cJSON_Print(result);
        say(stdout, "--- result\n%s\n", text ? text : "");
        free(text);
    }
    free(t.logits);
    cJSON_Delete(result);
    return status;
}

/* Keeps the tokens that pass through a session: what it holds at the end. */
static void record(void *context, size_t start, const int32_t *ids, size_t n, const float *last_logits)
{
    struct ids *kept = context;
    (void)last_logits;
    kept->n = start < kept->n ? start : kept->n;
    for (size_t i = 0; i < n; i++)
        ids_add(kept, ids[i]);
}

/* Runs the item, then its tokens again for their maps; the ids are freed with the maps. */
static enum status watch_again(const struct experiment *e, const void *item, const struct subject *subject, int threads,
                               struct attention_subject *to, struct error *err)
{
    struct session session;
    struct ids ids = {0};
    cJSON *result = cJSON_CreateObject();
    size_t n_layers, *layers = attention_layers(NULL, &subject->model, &n_layers, err);
    enum status status = session_init(&session, &subject->model, experiment_capacity(e, item), threads, err);
    if (status == OK) {
        session.stop = &stop_signal;
        session.trace = record;
        session.trace_context = &ids;
        status = e->task->run(e, item, subject, &session, result, err);
        session_free(&session);
    }
    *to = (struct attention_subject){.name = subject->name,
                                     .family = subject->model.config.family->model_type,
                                     .tokenizer = subject->tokenizer,
                                     .ids = ids.data};
    if (status == OK)
        status =
            attention_collect(to, &subject->model, layers, n_layers, ATTENTION_PAGE_FIGURES / e->n_subjects, threads, ids.n, err);
    to->maps.layers = layers;
    cJSON_Delete(result);
    return status;
}

static enum status watch_item(const struct experiment *e, const void *item, const char *id, const char *out, int threads,
                              struct error *err)
{
    struct attention_subject *all = calloc(e->n_subjects, sizeof *all);
    struct text title = {0};
    enum status status = OK;
    text_printf(&title, "Attention of %s %s", e->task->name, id);
    for (size_t i = 0; i < e->n_subjects && status == OK; i++)
        status = watch_again(e, item, &e->subjects[i], threads, &all[i], err);
    if (status == OK)
        status = attention_page_write(out, title.data, all, e->n_subjects, err);
    if (status == OK)
        say(stdout, "page: %s\n", out);
    for (size_t i = 0; i < e->n_subjects; i++) {
        free((void *)(uintptr_t)all[i].maps.layers);
        free((void *)(uintptr_t)all[i].ids);
        attention_maps_free(&all[i].maps);
    }
    free(all);
    text_free(&title);
    return status;
}

/* How an item is to be shown. */
struct showing {
    const char *id, *only; /* only: one model's name, or NULL */
    const char *page;      /* of its attention, or NULL: in words */
    int threads;
};

static enum status show_run(const cJSON *report, const char *path, const cJSON *item, const struct showing *how,
                            struct error *err)
{
    struct experiment e;
    enum status status = stored_open(&e, report, path, err);
    if (status != OK)
        return status;
    void *typed = calloc(1, e.task->item_size);
    if (e.task->run == NULL)
        status = error_set(err, ERR_USAGE, "--run: %s runs no model, expected another task's report", e.task->name);
    if (status == OK)
        status = stored_item(typed, &e, item, err);
    for (size_t i = 0; i < e.n_subjects && status == OK && how->page == NULL; i++)
        if (how->only == NULL || strcmp(how->only, e.subjects[i].name) == 0)
            status = run_again(&e, typed, &e.subjects[i], how->threads, err);
    if (status == OK && how->page != NULL)
        status = watch_item(&e, typed, how->id, how->page, how->threads, err);
    free(typed);
    experiment_close(&e);
    return status;
}

static void print_result(const cJSON *result)
{
    char *evidence = cJSON_Print(cJSON_GetObjectItemCaseSensitive(result, "evidence"));
    const char *output = json_text(result, "output");
    say(stdout, "=== %s\n", result->string);
    if (output != NULL && output[0] != '\0')
        say(stdout, "output:\n%s\n", output);
    if (isfinite(json_real(result, "score")))
        say(stdout, "score: %.6g\n", json_real(result, "score"));
    say(stdout, "evidence: %s\n", evidence ? evidence : "");
    free(evidence);
}

static enum status show_item(const cJSON *report, const char *path, const cJSON *options, struct error *err)
{
    const char *id = option_string(options, "item"), *only = option_string(options, "model");
    const cJSON *item, *found = NULL, *result;
    cJSON_ArrayForEach(item, json_path(report, "items"))
    {
        if (id == NULL)
            say(stdout, "%s\n", json_text(item, "id"));
        else if (strcmp(json_text(item, "id"), id) == 0)
            found = item;
    }
    if (id == NULL)
        return OK;
    if (found == NULL)
        return error_set(err, ERR_USAGE, "--item: there is no '%.100s' in %s, expected one that `difftf-eval show %s` lists", id,
                         path, path);
    bool watch = option_flag(options, "attention");
    const struct showing how = {id, only, watch ? option_string(options, "out") : NULL, cli_threads(options)};
    if (watch && how.page == NULL)
        return error_set(err, ERR_USAGE, "--out: is missing, expected the page of --attention to write, PAGE.html");
    if (watch || option_flag(options, "run"))
        return show_run(report, path, found, &how, err);
    say(stdout, "item: %s\n", id);
    bool any = false;
    cJSON_ArrayForEach(result, json_path(found, "results"))
    {
        if (only == NULL || strcmp(only, result->string) == 0) {
            print_result(result);
            any = true;
        }
    }
    if (!any)
        return error_set(err, ERR_USAGE, "--model: the item has no model '%.60s', expected one of the report's",
                         only ? only : "");
    puts("(--run shows the prompt and the probability of each token)");
    return OK;
}

static enum status show(const cJSON *options, const cJSON *arguments, struct error *err)
{
    cJSON *report = NULL;
    if (cJSON_GetArraySize(arguments) != 1)
        return error_set(err, ERR_USAGE, "show: %d reports given, expected one", cJSON_GetArraySize(arguments));
    const char *path = arguments->child->valuestring;
    enum status status = report_read(&report, path, err);
    if (status == OK)
        status = show_item(report, path, options, err);
    cJSON_Delete(report);
    return status;
}

const struct command COMMAND_SHOW = {"show", "REPORT", "one item as the model saw it", SHOW_OPTIONS, show};
