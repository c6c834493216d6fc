/* tasks.h - the one table that lists the evaluations. */
#ifndef DIFFTF_TASKS_TASKS_H
#define DIFFTF_TASKS_TASKS_H

#include "suite/task.h"

/* NULL-terminated. */
extern const struct task *const TASKS[];

/* The task of that name, NULL when there is none. */
const struct task *tasks_find(const char *name);

#endif
