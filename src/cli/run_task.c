/* run_task.c - runs an evaluation: journal, progress, report, tables. */
#include "base/clock.h"
#include "base/file.h"
#include "base/terminal.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "cli/begin_report.h"
#include "cli/commands.h"
#include "report/report.h"
#include "suite/estimate.h"
#include "suite/experiment.h"
#include "suite/machine.h"
#include "suite/runner.h"
#include "suite/shard.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void show_progress(void *context, size_t done, size_t total, size_t resumed)
{
    struct progress *p = context;
    p->total = total;
    p->before = resumed;
    progress_add(p, done - p->done);
}

static void say_damaged(void *context, const char *journal, size_t lines)
{
    (void)context;
    fprintf(stderr, "%s: %zu damaged line%s, whose items run again; all others are kept\n", journal, lines,
            lines == 1 ? "" : "s");
}

/* The part of a run that is asked for, and the ids of all of it where that is not all. */
struct part {
    struct shard shard;
    cJSON *ids;
};

/* What may differ between two equal runs. */
static cJSON *describe_run(const struct progress *p, const struct part *part, size_t units, int threads)
{
    cJSON *run = cJSON_CreateObject();
    struct utsname host;
    char stamp[40];
    time_t now = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    cJSON_AddStringToObject(run, "finished", stamp);
    json_add_number(run, "seconds", clock_seconds() - p->started);
    cJSON_AddStringToObject(run, "host", uname(&host) == 0 ? host.nodename : "unknown");
    machine_describe(run);
    json_add_number(run, "threads", threads);
    json_add_number(run, "ranks", 1);
    json_add_number(run, "items_per_second", (double)units / (clock_seconds() - p->started));
    char *command = NULL;
    size_t length = 0;
    FILE *self = fopen("/proc/self/cmdline", "re");
    ssize_t n = self ? getdelim(&command, &length, EOF, self) : 0;
    for (ssize_t i = 0; i + 1 < n; i++)
        if (command[i] == '\0')
            command[i] = ' ';
    cJSON_AddStringToObject(run, "command", n > 0 && utf8_valid(command, strlen(command)) ? command : "");
    free(command);
    if (self != NULL)
        fclose(self);
    if (part->ids != NULL) {
        cJSON *shard = cJSON_AddObjectToObject(run, "shard");
        json_add_number(shard, "index", (double)part->shard.index);
        json_add_number(shard, "of", (double)part->shard.of);
        cJSON_AddItemToObject(shard, "plan", cJSON_Duplicate(part->ids, true));
    }
    return run;
}

static void duration_text(struct text *out, double seconds)
{
    if (seconds < 90)
        text_printf(out, "%.0f s", seconds < 1 ? 1 : seconds);
    else if (seconds < 90 * 60)
        text_printf(out, "%.0f min", seconds / 60);
    else
        text_printf(out, "%.1f h", seconds / 3600);
}

static enum status dry_run(const struct experiment *e, const struct plan *plan, int threads, struct error *err)
{
    size_t longest = 0, most = 0;
    struct estimate estimate;
    struct text time = {0};
    for (size_t i = 0; i < plan->n; i++) {
        struct text id = {0};
        item_id(&id, plan->dimensions, plan_item(plan, i));
        say(stdout, "%s\n", id.data ? id.data : "");
        text_free(&id);
        size_t n = experiment_capacity(e, plan_item(plan, i));
        longest = n > longest ? n : longest;
    }
    for (size_t m = 0; m < e->n_subjects && !e->task->no_models; m++) {
        size_t bytes = session_memory(&e->subjects[m].model, longest, 1);
        most = bytes > most ? bytes : most;
    }
    fflush(stdout);
    enum status status = estimate_plan(&estimate, e, plan, threads, &stop_signal, err);
    if (status == OK) {
        duration_text(&time, estimate.seconds);
        say(stdout,
            "%zu items on %zu models, up to %zu tokens each; about %s (%zu tried), and %.1f MB for the sessions of %d threads "
            "beside the weights\n",
            plan->n, e->n_subjects, longest, time.data, estimate.tried, (double)most * threads / 1e6, threads);
    }
    text_free(&time);
    return status;
}

/* A file of `folder` that begins and ends so, and perhaps has ".journal" after that, as the path without it; NULL: none. */
static char *find_report(const char *folder, const char *begins, const char *ends)
{
    DIR *entries = opendir(folder);
    char *found = NULL;
    for (const struct dirent *d; entries != NULL && found == NULL && (d = readdir(entries)) != NULL;) {
        size_t n = strlen(d->d_name), journal = strlen(".journal"), end = strlen(ends);
        n -= n > journal && strcmp(d->d_name + n - journal, ".journal") == 0 ? journal : 0;
        if (n > end && strncmp(d->d_name, begins, strlen(begins)) == 0 && strncmp(d->d_name + n - end, ends, end) == 0) {
            struct text path = {0};
            text_printf(&path, "%s/%.*s", folder, (int)n, d->d_name);
            found = path.data;
        }
    }
    if (entries != NULL)
        closedir(entries);
    return found;
}

/* --out, or results/TASK-MODEL-vs-MODEL-DATE-DIGEST.json: the same run finds its own of another day again. */
static char *report_path(const struct experiment *e, const struct shard *shard, struct error *err)
{
    char digest[65], date[16], ends[64];
    struct text name = {0}, path = {0};
    struct tm utc;
    time_t now = time(NULL);
    if (e->common.out != NULL)
        return strdup(e->common.out);
    if (file_make_directory("results", err) != OK)
        return NULL;
    experiment_digest(e, digest);
    if (shard->of > 1)
        snprintf(ends, sizeof ends, "-%.8s-shard-%zu-of-%zu.json", digest, shard->index, shard->of);
    else
        snprintf(ends, sizeof ends, "-%.8s.json", digest);
    strftime(date, sizeof date, "%Y-%m-%d", gmtime_r(&now, &utc));
    text_printf(&name, "%s-", e->task->name);
    for (size_t m = 0; m < e->n_subjects; m++)
        text_printf(&name, "%s%s", m ? m < 3 ? "-vs-" : "" : "", m < 3 ? e->subjects[m].name : "");
    for (char *p = name.data; *p != '\0'; p++) /* names are the user's; a file's is tame */
        *p = isalnum((unsigned char)*p) || strchr("-._", *p) ? *p : '_';
    if (name.len > 120)
        name.data[name.len = 120] = '\0';
    path.data = find_report("results", name.data, ends);
    if (path.data == NULL)
        text_printf(&path, "results/%s-%s%s", name.data, date, ends);
    text_free(&name);
    return path.data;
}

/* The whole run's tables; of a part, how much of it there is: its figures are made by `merge`. */
static enum status print_report(const struct experiment *e, const struct part *part, const struct report *r, const char *path,
                                struct error *err)
{
    if (e->common.json) {
        char *text = cJSON_Print(r->root);
        say(stdout, "%s\n", text ? text : "");
        free(text);
        return OK;
    }
    if (e->common.quiet || part->ids == NULL)
        return e->common.quiet ? OK : cli_print_report(r->root, path, err);
    say(stdout, "shard %zu/%zu: %d of %d items; `difftf-eval merge` joins the reports of all %zu\nreport: %s\n",
        part->shard.index, part->shard.of, cJSON_GetArraySize(json_path(r->root, "items")), cJSON_GetArraySize(part->ids),
        part->shard.of, path);
    return OK;
}

static enum status evaluate(struct experiment *e, const struct plan *plan, const struct part *part, const char *path, int threads,
                            struct error *err)
{
    struct progress progress = progress_begin(e->task->name, 0, false);
    struct runner runner = {
        .threads = threads, .stop = &stop_signal, .progress = show_progress, .damaged = say_damaged, .context = &progress};
    progress.lines = true;
    enum status status = file_writer_check(path, err); /* work waits for it */
    if (status != OK)
        return status;
    struct report report = {0};
    struct text journal = {0};
    text_printf(&journal, "%s.journal", path);
    size_t units = plan->n * e->n_subjects;
    cJSON *items = cJSON_CreateArray();
    status = runner_run(&runner, e, plan, items, journal.data, e->common.fresh, err);
    progress_end(&progress);
    if (status == ERR_STOPPED)
        status = error_set(err, ERR_STOPPED, "stopped, finished items are kept in %s; the same command goes on from there",
                           journal.data);
    if (status == OK)
        status = begin_report(&report, e, err);
    if (status == OK && part->ids == NULL) /* a shard has no figures of its own: `merge` makes those of all */
        status = e->task->summarize(e, items, &report, err);
    if (status == OK)
        status = report_write(&report, path, items, describe_run(&progress, part, units, threads), err);
    else
        cJSON_Delete(items);
    if (status == OK) {
        runner_finish(journal.data);
        status = print_report(e, part, &report, path, err);
    }
    report_free(&report);
    text_free(&journal);
    return status;
}

/* With --resume: the report of this very run, if it is there and finished. */
static bool finished_before(const struct experiment *e, const struct part *part, struct report *r, const char *path)
{
    char digest[65];
    const char *its;
    if (!e->common.resume || !file_exists(path) || json_read(&r->root, path, NULL) != OK)
        return false;
    experiment_digest(e, digest);
    its = json_text(r->root, "digest");
    const cJSON *shard = json_path(r->root, "run.shard");
    bool same_part = part->ids == NULL ? shard == NULL
                                       : json_real(shard, "index") == (double)part->shard.index &&
                                             json_real(shard, "of") == (double)part->shard.of;
    if (its != NULL && strcmp(its, digest) == 0 && same_part)
        return true;
    report_free(r);
    return false;
}

enum status cli_run_task(const struct task *task, cJSON *options, struct error *err)
{
    struct experiment e;
    struct plan plan;
    struct part part = {0};
    int threads = cli_threads(options);
    char *path = NULL;
    progress_enable(!option_flag(options, "quiet") && !option_flag(options, "no-progress"));
    if (option_flag(options, "fresh") && option_flag(options, "resume")) {
        cJSON_Delete(options);
        return error_set(err, ERR_USAGE, "--fresh: contradicts --resume, expected one of them");
    }
    enum status status = shard_parse(&part.shard, option_string(options, "shard"), err);
    if (status == OK && part.shard.of > 1 && task->no_models)
        status = error_set(err, ERR_USAGE, "--shard: %s runs no models, expected one process for it", task->name);
    if (status != OK) {
        cJSON_Delete(options);
        return status;
    }
    status = experiment_open(&e, task, options, err);
    if (status != OK)
        return status;
    plan_init(&plan, task->dimensions, task->item_size);
    status = task->plan(&e, &plan, err);
    if (status == OK && plan.failed)
        status = error_set(err, ERR_SYSTEM, "%s: out of memory for its items", task->name);
    if (status == OK)
        status = experiment_check_fit(&e, &plan, err);
    if (status == OK && part.shard.of > 1) {
        part.ids = shard_ids(&plan);
        shard_keep(&part.shard, &plan);
    }
    if (status == OK && !e.common.dry_run && (path = report_path(&e, &part.shard, err)) == NULL)
        status = ERR_SYSTEM;
    struct report before = {0};
    if (status == OK && e.common.dry_run) {
        status = dry_run(&e, &plan, threads, err);
    } else if (status == OK && !e.common.fresh && finished_before(&e, &part, &before, path)) {
        status = print_report(&e, &part, &before, path, err);
        report_free(&before);
    } else if (status == OK) {
        status = evaluate(&e, &plan, &part, path, threads, err);
    }
    cJSON_Delete(part.ids);
    free(path);
    plan_free(&plan);
    experiment_close(&e);
    return status;
}
