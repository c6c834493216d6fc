/* runner.c - see runner.h. */
#include "suite/runner.h"

#include "suite/experiment.h"
#include "suite/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One item on one model. */
struct unit {
    const void *item;
    char *id;
    const struct subject *subject;
    cJSON *result; /* NULL until it is there */
};

struct shared {
    const struct runner *runner;
    const struct experiment *e;
    struct journal journal;
    struct unit *units;
    size_t n_units, done, resumed;
    enum status status;
    struct error *err;
};

/* Books a finished unit, unless the model is no longer the one whose digest the journal names; called by one thread at a time. */
static void book(struct shared *s, struct unit *u, cJSON *result, enum status status, const struct error *err)
{
    struct error journal_error = {0};
    if (status == OK) {
        err = &journal_error;
        status = shards_unchanged(&u->subject->model.weights.files, &journal_error);
    }
    if (status == OK)
        status = journal_add(&s->journal, u->id, u->subject->name, result, &journal_error);
    if (status != OK) {
        if (s->status == OK) {
            s->status = status;
            *s->err = *err;
        }
        cJSON_Delete(result);
        return;
    }
    u->result = result;
    s->done++;
    if (s->runner->progress != NULL)
        s->runner->progress(s->runner->context, s->done, s->n_units, s->resumed);
}

static void run_unit(struct shared *s, struct unit *u, int threads)
{
    struct error err = {0};
    struct session session;
    cJSON *result = cJSON_CreateObject();
    enum status status = session_init(&session, &u->subject->model, experiment_capacity(s->e, u->item), threads, &err);
    if (status == OK) {
        session.stop = s->runner->stop;
        status = s->e->task->run(s->e, u->item, u->subject, &session, result, &err);
        session_free(&session);
    }
#pragma omp critical(book)
    book(s, u, result, status, &err);
}

static bool finished(struct shared *s)
{
    bool stop;
#pragma omp critical(book)
    {
        if (s->runner->stop != NULL && *s->runner->stop && s->status == OK)
            s->status = error_set(s->err, ERR_STOPPED, "stopped");
        stop = s->status != OK;
    }
    return stop;
}

static void run_next(struct shared *s, size_t i, int threads)
{
    if (s->units[i].result == NULL && !finished(s))
        run_unit(s, &s->units[i], threads);
}

bool runner_spreads(const struct experiment *e, size_t units, int threads)
{
    enum { MANY = 4 }; /* items a thread: fewer leave threads waiting for the last */
    return threads > 1 && units >= MANY * (size_t)threads && !e->task->exclusive;
}

/* Each item on all threads when there are few: outside of any parallel region, for regions inside of one start new threads every
 * time. */
static void run_all(struct shared *s)
{
    int threads = s->runner->threads;
    if (!runner_spreads(s->e, s->n_units - s->done, threads)) {
        for (size_t i = 0; i < s->n_units; i++)
            run_next(s, i, threads);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < s->n_units; i++)
        run_next(s, i, 1);
}

/* The items as the report holds them. */
static void collect(struct shared *s, const struct plan *plan, cJSON *items)
{
    struct unit *u = s->units;
    for (size_t i = 0; i < plan->n; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "id", u->id);
        cJSON_AddItemToObject(item, "where", item_where(plan->dimensions, u->item));
        cJSON *results = cJSON_AddObjectToObject(item, "results");
        for (size_t m = 0; m < s->e->n_subjects; m++, u++) {
            cJSON_AddItemToObject(results, s->e->subjects[m].name, u->result);
            u->result = NULL;
        }
        cJSON_AddItemToArray(items, item);
    }
}

/* A unit for each item and model, with the result that the journal has of it. */
static enum status make_units(struct shared *s, const struct plan *plan, struct error *err)
{
    const struct experiment *e = s->e;
    s->units = calloc(plan->n * e->n_subjects + 1, sizeof *s->units);
    for (size_t i = 0; s->units != NULL && i < plan->n; i++)
        for (size_t m = 0; m < e->n_subjects; m++) {
            struct unit *u = &s->units[s->n_units++];
            struct text id = {0};
            *u = (struct unit){.item = plan_item(plan, i), .subject = &e->subjects[m]};
            if (!item_id(&id, plan->dimensions, u->item))
                return error_set(err, ERR_SYSTEM, "runner: out of memory for %zu items", plan->n);
            u->id = id.data;
            const cJSON *done = journal_find(&s->journal, u->id, u->subject->name);
            u->result = done ? cJSON_Duplicate(done, true) : NULL;
            s->resumed += done != NULL;
        }
    return s->units ? OK : error_set(err, ERR_SYSTEM, "runner: out of memory for %zu items", plan->n);
}

enum status runner_run(const struct runner *runner, const struct experiment *e, const struct plan *plan, cJSON *items,
                       const char *journal_path, bool fresh, struct error *err)
{
    struct shared s = {.runner = runner, .e = e, .err = err};
    char digest[65];
    experiment_digest(e, digest);
    enum status status = journal_open(&s.journal, journal_path, digest, fresh, err);
    if (status != OK)
        return status;
    if (s.journal.damaged > 0 && runner->damaged != NULL)
        runner->damaged(runner->context, journal_path, s.journal.damaged);
    status = make_units(&s, plan, err);
    if (status == OK) {
        s.done = s.resumed;
        run_all(&s);
        status = s.status;
    }
    if (status == OK)
        collect(&s, plan, items);
    for (size_t i = 0; i < s.n_units; i++) {
        cJSON_Delete(s.units[i].result);
        free(s.units[i].id);
    }
    free(s.units);
    journal_close(&s.journal, false);
    return status;
}

void runner_finish(const char *journal_path)
{
    unlink(journal_path);
}
