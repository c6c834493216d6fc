/* scheduler.c - see scheduler.h. */
#include "serve/scheduler.h"

#include "base/clock.h"
#include "serve/answer.h"

#include <stdlib.h>
#include <time.h>

enum { TRIES = 64 }; /* waiting sequences that are looked at between two steps */

void scheduler_init(struct scheduler *s, size_t most_active, size_t most_jobs, double patience, int threads)
{
    *s = (struct scheduler){.most_active = most_active,
                            .most_jobs = most_jobs,
                            .patience = patience,
                            .threads = threads,
                            .slots = {.most = most_active, .threads = threads}};
    s->active = calloc(most_active, sizeof(struct sequence *));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
}

void scheduler_free(struct scheduler *s)
{
    slots_free(&s->slots);
    for (size_t i = 0; i < s->n_batches; i++)
        batch_free(&s->batches[i]);
    free(s->batches);
    free(s->active);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
}

bool scheduler_submit(struct scheduler *s, struct job *job, struct refusal *r)
{
    struct job **end = &s->incoming;
    if (s->stopping)
        return refuse(r, 503, NULL, "The server is stopping");
    if (s->n_jobs >= s->most_jobs)
        return refuse(r, 429, NULL, "%zu requests are waiting already, expected fewer (--max-queue)", s->n_jobs);
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    s->n_jobs++;
    s->counts.requests++;
    pthread_cond_signal(&s->work);
    return true;
}

void scheduler_leave(struct job *job)
{
    if (job->done) {
        job_free(job);
        return;
    }
    job->abandoned = true;
}

/* The job is done, well or not; its client has it from here. */
static void finish(struct scheduler *s, struct job **at)
{
    struct job *job = *at;
    *at = job->next;
    for (size_t i = 0; i < job->n; i++) {
        struct sequence *q = &job->sequences[i];
        sequence_end(q);
        for (size_t k = 0; k < s->n_active; k++)
            if (s->active[k] == q)
                s->active[k--] = s->active[--s->n_active];
    }
    pthread_mutex_lock(&s->lock);
    s->n_jobs--;
    s->counts.failed += job->failed.http != 0;
    for (size_t i = 0; i < job->n; i++) {
        const struct sequence *q = &job->sequences[i];
        s->counts.prompt_tokens += q->prompt->ids.n;
        s->counts.shared_tokens += q->n_shared;
        s->counts.generated_tokens += q->ids.n - q->prompt->ids.n;
    }
    if (job->asked.stream)
        answer_events(&job->events, job, true);
    job->done = true;
    if (job->abandoned)
        job_free(job);
    else
        job->wake(job->client);
    pthread_mutex_unlock(&s->lock);
}

/* Why a job that is not done has to end now. */
static bool must_end(struct scheduler *s, struct job *job, double now, bool look)
{
    pthread_mutex_lock(&s->lock);
    bool gone = job->abandoned || (look && job->gone(job->client));
    s->counts.abandoned += gone;
    pthread_mutex_unlock(&s->lock);
    if (gone)
        return !refuse(&job->failed, 499, NULL, "The client has gone");
    if (now - job->arrived > s->patience)
        return !refuse(&job->failed, 504, NULL, "The request took more than %g seconds (--max-seconds)", s->patience);
    return false;
}

/* Ends jobs that are complete, failed, abandoned or late. */
static void end_jobs(struct scheduler *s)
{
    double now = clock_seconds();
    bool look = now - s->looked > 0.05;
    s->looked = look ? now : s->looked;
    for (struct job **at = &s->jobs; *at != NULL;) {
        struct job *job = *at;
        if (job->n_finished == job->n || job->failed.http != 0 || must_end(s, job, now, look))
            finish(s, at);
        else
            at = &job->next;
    }
}

/* Sequences that wait get the slots that are free, the first that came first. */
static void start_sequences(struct scheduler *s)
{
    size_t tries = 0;
    for (struct job *job = s->jobs; job != NULL && s->n_active < s->most_active; job = job->next)
        for (size_t i = 0; i < job->n && s->n_active < s->most_active && tries < TRIES && job->n_started < job->n; i++) {
            struct sequence *q = &job->sequences[i];
            if (q->slot != NULL || q->finish != FINISH_NONE)
                continue;
            tries++;
            if (sequence_start(q, &s->slots)) {
                s->active[s->n_active++] = q;
                job->n_started++;
            } else if (q->finish == FINISH_FAILED) {
                refuse(&job->failed, 500, NULL, "%s", q->error.message);
                break;
            }
        }
}

/* Of a model, made when it is wanted first; NULL when there is no memory for it. */
static struct batch *batch_of(struct scheduler *s, const struct model *model)
{
    struct error err;
    for (size_t i = 0; i < s->n_batches; i++)
        if (s->batches[i].model == model)
            return &s->batches[i];
    struct batch *more = realloc(s->batches, (s->n_batches + 1) * sizeof *more);
    s->batches = more != NULL ? more : s->batches;
    if (more == NULL || batch_init(&more[s->n_batches], model, s->most_active, s->threads, &err) != OK)
        return NULL;
    return &more[s->n_batches++];
}

/* Sequences of one model that decode make their step together, so that its weights are read once: those from `first` on move to
 * the front of the rest, which starts there. Returns where what is left begins. */
static size_t step_together(struct scheduler *s, size_t first)
{
    const struct served *served = NULL; /* of the first that decodes */
    size_t n = 0;
    for (size_t i = first; i < s->n_active; i++) {
        struct sequence *q = s->active[i];
        if (!sequence_decodes(q) || (served != NULL && q->asked->served != served))
            continue;
        served = q->asked->served;
        s->active[i] = s->active[first + n];
        s->active[first + n++] = q;
    }
    struct slot **slots = n > 1 ? calloc(n, sizeof(struct slot *)) : NULL;
    struct batch *batch = slots != NULL ? batch_of(s, &served->model) : NULL;
    struct error err;
    for (size_t i = 0; i < n && slots != NULL; i++)
        slots[i] = s->active[first + i]->slot;
    bool ran = batch != NULL && slots_step(slots, n, batch, &err) == OK;
    free(slots);
    for (size_t i = first; i < first + n && ran; i++)
        sequence_ran(s->active[i]);
    return ran ? first + n : first; /* where it fails, each by itself says whose fault it is */
}

/* A step of every sequence: those that decode together, the others spread over the threads, or each on all of them when there are
 * few. */
static void step(struct scheduler *s)
{
    double begin = clock_seconds();
    size_t first = 0, after;
    while ((after = step_together(s, first)) > first)
        first = after;
    if (s->threads == 1 || s->n_active - first < (size_t)s->threads) {
        for (size_t i = first; i < s->n_active; i++)
            sequence_step(s->active[i], s->threads);
    } else {
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
        for (size_t i = first; i < s->n_active; i++)
            sequence_step(s->active[i], 1);
    }
    pthread_mutex_lock(&s->lock);
    s->counts.steps++;
    s->counts.seconds += clock_seconds() - begin;
    s->counts.running = s->n_active;
    pthread_mutex_unlock(&s->lock);
}

/* What the step has brought. */
static void tell(struct scheduler *s)
{
    for (size_t k = 0; k < s->n_active;) {
        struct sequence *q = s->active[k];
        if (q->finish == FINISH_NONE) {
            k++;
            continue;
        }
        sequence_end(q);
        s->active[k] = s->active[--s->n_active];
    }
    for (struct job *job = s->jobs; job != NULL; job = job->next) {
        job->n_finished = 0;
        for (size_t i = 0; i < job->n; i++) {
            struct sequence *q = &job->sequences[i];
            job->n_finished += q->finish != FINISH_NONE;
            if (q->finish == FINISH_FAILED)
                refuse(&job->failed, 500, NULL, "%s", q->error.message);
        }
        if (!job->asked.stream || job->n_finished == job->n)
            continue;
        pthread_mutex_lock(&s->lock);
        size_t before = job->events.len;
        answer_events(&job->events, job, false);
        if (job->events.len > before && !job->abandoned)
            job->wake(job->client);
        pthread_mutex_unlock(&s->lock);
    }
}

/* Takes in what has come; waits a while when there is nothing to do. False: nothing is left, and no more shall come. */
static bool take_in(struct scheduler *s, bool stop)
{
    struct job **end = &s->jobs;
    while (*end != NULL)
        end = &(*end)->next;
    pthread_mutex_lock(&s->lock);
    s->stopping = stop;
    if (s->jobs == NULL && s->incoming == NULL && !stop) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&s->work, &s->lock, &until);
    }
    *end = s->incoming;
    s->incoming = NULL;
    s->counts.waiting = s->n_jobs;
    s->counts.running = s->n_active;
    pthread_mutex_unlock(&s->lock);
    return !stop || s->jobs != NULL;
}

void scheduler_run(struct scheduler *s, const volatile sig_atomic_t *stop)
{
    while (take_in(s, *stop != 0)) {
        start_sequences(s);
        step(s);
        tell(s);
        end_jobs(s);
        if (s->pulse != NULL)
            s->pulse(s->pulse_context);
    }
}
