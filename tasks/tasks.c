/* tasks.c - see tasks.h. */
#include "tasks/tasks.h"

extern const struct task TASK_NEEDLE, TASK_PERPLEXITY, TASK_CHOICE, TASK_ICL, TASK_OUTLIERS, TASK_HALLUCINATION, TASK_SCALING,
    TASK_THROUGHPUT;

const struct task *const TASKS[] = {&TASK_NEEDLE,        &TASK_PERPLEXITY, &TASK_CHOICE,     &TASK_ICL, &TASK_OUTLIERS,
                                    &TASK_HALLUCINATION, &TASK_SCALING,    &TASK_THROUGHPUT, NULL};
