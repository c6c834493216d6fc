/* estimate.h - how long a plan will take, by running a little of it. */
#ifndef DIFFTF_SUITE_ESTIMATE_H
#define DIFFTF_SUITE_ESTIMATE_H

#include "suite/task.h"

#include <signal.h>

struct estimate {
    double seconds;
    size_t tried; /* units (an item on a model) that were run for it; 0: by the speed of a short prefill alone */
};
/* A few seconds of trial for each model: items at random among those that a measured prefill says are short enough; what they
 * took for their tokens is what all take. Nothing is kept of them. A task that asks others (task.h) is not tried. */
enum status estimate_plan(struct estimate *estimate, const struct experiment *e, const struct plan *plan, int threads,
                          const volatile sig_atomic_t *stop, struct error *err);

#endif
