/* scheduler.h - computes what clients ask for: many sequences side by side, a step of each at a time.
 *
 * One thread computes (scheduler_run) and uses the others through OpenMP; another one talks to clients and hands jobs in. What a
 * job gets does not depend on what runs beside it: see slot.h.
 */
#ifndef DIFFTF_SERVE_SCHEDULER_H
#define DIFFTF_SERVE_SCHEDULER_H

#include "serve/job.h"

#include <pthread.h>
#include <signal.h>

struct counts {
    uint64_t requests, failed, abandoned; /* completions that came, failed, whose client went away */
    uint64_t prompt_tokens, shared_tokens, generated_tokens, steps;
    double seconds; /* of computing */
    size_t waiting, running;
};

struct scheduler {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *incoming;
    size_t n_jobs; /* handed in and not done */
    bool stopping;
    struct counts counts;

    /* The computing thread's own: */
    struct job *jobs;
    struct sequence **active;
    size_t n_active, most_active, most_jobs;
    struct slots slots;
    struct batch *batches; /* one for each model that has been decoded from */
    size_t n_batches;
    int threads;
    void (*pulse)(void *context); /* called again and again, several times a second; may be NULL */
    void *pulse_context;
    double patience, looked; /* seconds that a job may take; when clients were looked for */
};

void scheduler_init(struct scheduler *s, size_t most_active, size_t most_jobs, double patience, int threads);
void scheduler_free(struct scheduler *s);
/* Hands a job in; false: not taken, and still the caller's. The lock is held. */
bool scheduler_submit(struct scheduler *s, struct job *job, struct refusal *r);
/* The client lets go of a job that it has handed in; the lock is held. */
void scheduler_leave(struct job *job);
/* Computes until *stop, then finishes what runs. */
void scheduler_run(struct scheduler *s, const volatile sig_atomic_t *stop);

#endif
