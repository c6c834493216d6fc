/* estimate.c - see estimate.h. */
#include "suite/estimate.h"

#include "base/clock.h"
#include "base/random.h"
#include "model/rates.h"
#include "suite/experiment.h"
#include "suite/runner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Seconds of a model's trial, and of one unit of it; its units; tokens of the prefill that says what is short; written entries.
 */
enum { SECONDS = 3, LONGEST = 10, MOST = 32, TOKENS = 64, ENTRIES = 5, RUNS = 4 };

/* Seconds that a FLOP of a short prefill takes. */
static enum status measure(double *seconds, const struct model *m, int threads, struct error *err)
{
    struct rates_job *job;
    enum status status = rates_job_open(&job, m, RATES_PREFILL, TOKENS, threads, err);
    if (status != OK)
        return status;
    double rate = 0;
    for (int i = 0; i < RUNS; i++) { /* the best one: others may have the processor meanwhile */
        double its = rates_job_run(job);
        rate = its > rate ? its : rate;
    }
    *seconds = 1 / rate / rates_flops(m, TOKENS, false);
    rates_job_close(job);
    return OK;
}

/* What items are like each other by. */
static double work_of(const struct experiment *e, const struct model *m, const void *item)
{
    if (e->task->work != NULL)
        return e->task->work(e, m, item);
    size_t n = e->task->tokens(e, item);
    return (double)(n + 1) * rates_flops(m, n, false);
}

/* Seconds that the journal's entry of a unit takes to be on disk: a file without a name shows it. */
static double entry_seconds(void)
{
    static const char entry[512] = {0};
    int fd = open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    double started = clock_seconds();
    bool ok = fd >= 0;
    for (int i = 0; i < ENTRIES && ok; i++)
        ok = write(fd, entry, sizeof entry) == (ssize_t)sizeof entry && fdatasync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? (clock_seconds() - started) / ENTRIES : 0;
}

static enum status try_item(double *seconds, const struct experiment *e, const struct subject *subject, const void *item,
                            int threads, const volatile sig_atomic_t *stop, struct error *err)
{
    struct session session;
    double started = clock_seconds();
    enum status status = session_init(&session, &subject->model, experiment_capacity(e, item), threads, err);
    if (status != OK)
        return status;
    cJSON *result = cJSON_CreateObject();
    session.stop = stop;
    status = e->task->run(e, item, subject, &session, result, err);
    session_free(&session);
    cJSON_Delete(result);
    *seconds = clock_seconds() - started;
    return status;
}

/* Seconds of all items on one model, added to the estimate. */
static enum status add_subject(struct estimate *to, const struct experiment *e, const struct plan *plan,
                               const struct subject *subject, int threads, const volatile sig_atomic_t *stop, struct error *err)
{
    const struct model *m = &subject->model;
    bool tried = e->task->asks_others == NULL || !e->task->asks_others(e);
    double all = 0, work = 0, spent = 0, flop = 0;
    size_t *order = mem_array(plan->n + 1, sizeof *order);
    struct rng rng = rng_stream(e->seed, "estimate", 0);
    enum status status = measure(&flop, m, threads, err);
    rng_permutation(&rng, order, plan->n);
    for (size_t i = 0, n = 0; i < plan->n && status == OK; i++) {
        const void *item = plan_item(plan, order[i]);
        double its = work_of(e, m, item), seconds = 0;
        all += its;
        if (!tried || n >= MOST || spent > SECONDS || its * flop > LONGEST)
            continue;
        status = try_item(&seconds, e, subject, item, threads, stop, err);
        spent += seconds;
        work += its;
        to->tried++;
        n++;
    }
    to->seconds += all * (work > 0 ? spent / work : flop);
    free(order);
    return status;
}

enum status estimate_plan(struct estimate *to, const struct experiment *e, const struct plan *plan, int threads,
                          const volatile sig_atomic_t *stop, struct error *err)
{
    bool spread = runner_spreads(e, plan->n * e->n_subjects, threads);
    enum status status = OK;
    *to = (struct estimate){0};
    for (size_t m = 0; m < e->n_subjects && status == OK && !e->task->no_models; m++)
        status = add_subject(to, e, plan, &e->subjects[m], spread ? 1 : threads, stop, err);
    to->seconds += e->task->no_models ? 0 : entry_seconds() * (double)(plan->n * e->n_subjects);
    to->seconds /= spread ? threads : 1;
    return status;
}
