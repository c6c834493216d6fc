/* merge.c - `merge`: the reports of all shards of a run as the one that a single process would have written. */
#include "cli/begin_report.h"
#include "cli/commands.h"
#include "cli/stored.h"
#include "report/compare.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

static const struct option_spec OPTIONS[] = {
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "the report to write", false, 0},
    {"quiet", OPTION_FLAG, NULL, 0, 0, NULL, "no tables", true, 0},
    OPTIONS_END,
};

/* Where each item of the plan is. */
struct place {
    const char *id;
    size_t number; /* in the plan */
    cJSON *item;
    const char *path; /* of its report */
};

struct merging {
    const cJSON *paths;
    cJSON *reports; /* array, as the paths */
    struct place *places;
    struct place **sorted; /* the same by id */
    size_t n;
};

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct place *const *)a)->id, (*(struct place *const *)b)->id);
}

static void merging_free(struct merging *m)
{
    cJSON_Delete(m->reports);
    free(m->places);
    free(m->sorted);
}

/* Every report is a shard of the run that the first one is of. */
static enum status read_shards(struct merging *m, struct error *err)
{
    static const char *const same[] = {"task", "version", "digest"};
    const cJSON *path, *first = NULL;
    cJSON_ArrayForEach(path, m->paths)
    {
        cJSON *report = NULL;
        enum status status = report_read(&report, path->valuestring, err);
        if (status != OK)
            return status;
        cJSON_AddItemToArray(m->reports, report);
        first = first ? first : report;
        if (!cJSON_IsArray(json_path(report, "run.shard.plan")))
            return error_set(err, ERR_INPUT, "%s: is a whole report, expected one that --shard I/N wrote", path->valuestring);
        for (size_t i = 0; i < 3; i++)
            if (strcmp(json_text(report, same[i]), json_text(first, same[i])) != 0)
                return error_set(err, ERR_INPUT,
                                 "%s: key '%s' is another than in %s, expected shards of one run: the same options, "
                                 "models, data, program and kind of processor",
                                 path->valuestring, same[i], m->paths->child->valuestring);
        if (!cJSON_Compare(json_path(report, "run.shard.plan"), json_path(first, "run.shard.plan"), true))
            return error_set(err, ERR_INPUT, "%s: key 'run.shard.plan' is another than in %s, expected shards of one run",
                             path->valuestring, m->paths->child->valuestring);
    }
    return OK;
}

static enum status list_places(struct merging *m, struct error *err)
{
    const cJSON *plan = json_path(m->reports->child, "run.shard.plan"), *id;
    m->places = calloc((size_t)cJSON_GetArraySize(plan) + 1, sizeof *m->places);
    m->sorted = calloc((size_t)cJSON_GetArraySize(plan) + 1, sizeof(struct place *));
    cJSON_ArrayForEach(id, plan)
    {
        if (!cJSON_IsString(id))
            return error_set(err, ERR_INPUT, "%s: key 'run.shard.plan' holds what is no text, expected ids of items",
                             m->paths->child->valuestring);
        m->places[m->n] = (struct place){.id = id->valuestring, .number = m->n};
        m->sorted[m->n] = &m->places[m->n];
        m->n++;
    }
    if (m->n > 0)
        qsort(m->sorted, m->n, sizeof(struct place *), by_id);
    return OK;
}

/* Takes the items of a report out of it. */
static enum status take_items(struct merging *m, cJSON *report, const char *path, struct error *err)
{
    cJSON *items = cJSON_GetObjectItemCaseSensitive(report, "items"), *item;
    while ((item = items->child) != NULL) {
        const struct place wanted = {.id = json_text(item, "id")}, *key = &wanted;
        struct place **found = m->n ? bsearch(&key, m->sorted, m->n, sizeof(struct place *), by_id) : NULL;
        if (found == NULL)
            return error_set(err, ERR_INPUT,
                             "%s: item '%.200s' is not in the plan of the run, expected a shard as it was written", path,
                             wanted.id);
        if ((*found)->item != NULL)
            return error_set(err, ERR_INPUT, "%s: item '%.200s' is in %s, too, expected every item once", path, wanted.id,
                             (*found)->path);
        (*found)->item = cJSON_DetachItemViaPointer(items, item);
        (*found)->path = path;
    }
    return OK;
}

/* Names the first that is missing, and the shard that has it: the first report's N is taken as that of all. */
static enum status check_complete(const struct merging *m, struct error *err)
{
    size_t missing = 0, first = 0, of = (size_t)json_real(m->reports->child, "run.shard.of");
    for (size_t i = 0; i < m->n; i++)
        if (m->places[i].item == NULL && missing++ == 0)
            first = i;
    return missing == 0 ? OK
                        : error_set(err, ERR_INPUT,
                                    "merge: %zu of %zu items are missing, the first is '%.200s', expected the "
                                    "report of shard %zu/%zu, too",
                                    missing, m->n, m->places[first].id, first % of + 1, of);
}

static enum status join_items(struct merging *m, cJSON *items, struct error *err)
{
    const cJSON *path = m->paths->child;
    cJSON *report;
    enum status status = OK;
    cJSON_ArrayForEach(report, m->reports)
    {
        if (status == OK)
            status = take_items(m, report, path->valuestring, err);
        path = path->next;
    }
    if (status == OK)
        status = check_complete(m, err);
    for (size_t i = 0; i < m->n; i++)
        if (m->places[i].item != NULL)
            cJSON_AddItemToArray(items, m->places[i].item);
    return status;
}

/* The runs as one: that of the first shard with the seconds of all, and how many they were. */
static cJSON *join_runs(const struct merging *m)
{
    cJSON *run = cJSON_Duplicate(json_path(m->reports->child, "run"), true);
    const cJSON *report;
    double seconds = 0, rate = 0;
    cJSON_ArrayForEach(report, m->reports)
    {
        seconds += json_real(report, "run.seconds");
        rate += json_real(report, "run.items_per_second");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(run, "shard");
    cJSON_ReplaceItemInObjectCaseSensitive(run, "seconds", json_number(seconds));
    cJSON_ReplaceItemInObjectCaseSensitive(run, "items_per_second", json_number(rate));
    cJSON_ReplaceItemInObjectCaseSensitive(run, "ranks", json_number(cJSON_GetArraySize(m->reports)));
    return run;
}

/* The experiment that the shards are of: with its models and data where the summary needs them, else as the first report has it.
 */
static enum status reopen(struct experiment *e, const cJSON *report, const char *path, struct error *err)
{
    const struct task *task = NULL;
    struct plan plan;
    cJSON *values = NULL;
    enum status status = stored_task(report, path, &task, &values, err);
    if (status != OK || !task->summary_reads_data) {
        if (status == OK)
            status = experiment_open_stored(e, task, values, json_path(report, "models"), err);
        else
            cJSON_Delete(values);
        if (status == OK) {
            cJSON_Delete(e->notes);
            const cJSON *notes = json_path(report, "notes");
            e->notes = notes ? cJSON_Duplicate(notes, true) : cJSON_CreateArray();
        }
        return status;
    }
    cJSON_Delete(values);
    status = stored_open(e, report, path, err);
    if (status != OK)
        return status;
    plan_init(&plan, task->dimensions, task->item_size);
    status = task->plan(e, &plan, err);
    if (status == OK)
        status = experiment_check_fit(e, &plan, err); /* for its notes */
    plan_free(&plan);
    if (status != OK)
        experiment_close(e);
    return status;
}

static enum status write_merged(struct experiment *e, struct merging *m, const char *path, bool quiet, struct error *err)
{
    static const char *const kept[] = {"options", "digest", "models", "data"};
    struct report r = {0};
    cJSON *items = cJSON_CreateArray();
    const cJSON *first = m->reports->child;
    enum status status = join_items(m, items, err);
    if (status == OK)
        status = begin_report(&r, e, err);
    for (size_t i = 0; i < sizeof kept / sizeof *kept && status == OK; i++)
        cJSON_ReplaceItemInObjectCaseSensitive(r.root, kept[i], cJSON_Duplicate(json_path(first, kept[i]), true));
    if (status == OK)
        status = e->task->summarize(e, items, &r, err);
    if (status == OK)
        status = report_write(&r, path, items, join_runs(m), err);
    else
        cJSON_Delete(items);
    if (status == OK && !quiet)
        status = cli_print_report(r.root, path, err);
    report_free(&r);
    return status;
}

static enum status merge(const cJSON *options, const cJSON *arguments, struct error *err)
{
    const char *out = option_string(options, "out");
    if (arguments->child == NULL)
        return error_set(err, ERR_USAGE, "merge: no report given, expected those of all shards");
    if (out == NULL)
        return error_set(err, ERR_USAGE, "--out: is missing, expected the report to write");
    struct merging m = {.paths = arguments, .reports = cJSON_CreateArray()};
    enum status status = read_shards(&m, err);
    if (status == OK)
        status = list_places(&m, err);
    struct experiment e;
    if (status == OK && (status = reopen(&e, m.reports->child, arguments->child->valuestring, err)) == OK) {
        status = write_merged(&e, &m, out, option_flag(options, "quiet"), err);
        experiment_close(&e);
    }
    merging_free(&m);
    return status;
}

const struct command COMMAND_MERGE = {"merge", "SHARD...", "one report of the shards that --shard I/N wrote", OPTIONS, merge};
