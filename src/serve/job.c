/* job.c - see job.h. */
#include "serve/job.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct job *job_new(struct completion *asked)
{
    struct job *job = calloc(1, sizeof *job);
    uint64_t random[2] = {0};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random[0] = (uint64_t)(uintptr_t)job;
    job->asked = *asked;
    *asked = (struct completion){0};
    job->n = job->asked.n_prompts * job->asked.n;
    job->sequences = calloc(job->n, sizeof *job->sequences);
    job->told = calloc(job->n, sizeof *job->told);
    for (size_t i = 0; i < job->n; i++)
        sequence_init(&job->sequences[i], &job->asked, i);
    snprintf(job->id, sizeof job->id, "%s-%016llx%08llx", job->asked.chat ? "chatcmpl" : "cmpl", (unsigned long long)random[0],
             (unsigned long long)(random[1] & 0xffffffff));
    job->created = time(NULL);
    job->arrived = clock_seconds();
    return job;
}

void job_free(struct job *job)
{
    if (job == NULL)
        return;
    for (size_t i = 0; i < job->n; i++)
        sequence_free(&job->sequences[i]);
    free(job->sequences);
    free(job->told);
    text_free(&job->events);
    completion_free(&job->asked);
    free(job);
}
