/* runner.h - takes a task's items through every model: threads, journal, progress; results in plan order. */
#ifndef DIFFTF_SUITE_RUNNER_H
#define DIFFTF_SUITE_RUNNER_H

#include "suite/task.h"

struct runner {
    int threads;
    const volatile sig_atomic_t *stop;
    /* Called after each finished unit (an item on a model), from one thread at a time; may be NULL. */
    void (*progress)(void *context, size_t done, size_t total, size_t resumed);
    /* Called once when the journal has damaged lines, whose items run again; may be NULL. */
    void (*damaged)(void *context, const char *journal, size_t lines);
    void *context;
};

/* Runs every item of the plan on every model and adds {id, where, results: {model: result}} of each to `items`, an array as
 * reports hold it. The journal at `journal_path` is kept while the run is unfinished and deleted by runner_finish. */
enum status runner_run(const struct runner *runner, const struct experiment *e, const struct plan *plan, cJSON *items,
                       const char *journal_path, bool fresh, struct error *err);
/* Are so many units spread over the threads, one on each, or has each all of them? */
bool runner_spreads(const struct experiment *e, size_t units, int threads);
void runner_finish(const char *journal_path);

#endif
