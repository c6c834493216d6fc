/* job.h - a request for completions on its way: shared by the thread that talks to clients and the one that computes. */
#ifndef DIFFTF_SERVE_JOB_H
#define DIFFTF_SERVE_JOB_H

#include "serve/sequence.h"

#include <time.h>

/* What of a sequence a stream has told already. */
struct told {
    size_t bytes, tokens; /* of the generated text; of the ids */
    size_t offset;        /* characters of the tokens so far */
    bool finish;
};

struct job {
    struct completion asked;
    struct sequence *sequences; /* [n] */
    struct told *told;          /* [n] */
    size_t n, n_started, n_finished;
    char id[40];
    time_t created;
    double arrived; /* clock_seconds */
    struct job *next;

    /* Under the lock of the scheduler: */
    bool done, abandoned;  /* nobody computes on it; nobody reads its answer */
    struct text events;    /* of a stream, not sent yet */
    struct refusal failed; /* http 0: it has not */

    /* The client: told that there is something to read, with the lock held; asked whether it is still there. */
    void *client;
    void (*wake)(void *client);
    bool (*gone)(void *client);
};

/* Takes over `asked`. */
struct job *job_new(struct completion *asked);
void job_free(struct job *job);

#endif
