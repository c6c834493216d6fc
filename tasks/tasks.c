/* tasks.c - see tasks.h. */
#include "tasks/tasks.h"

#include <string.h>

extern const struct task TASK_NEEDLE, TASK_PERPLEXITY, TASK_CHOICE, TASK_ICL, TASK_OUTLIERS, TASK_HALLUCINATION, TASK_SCALING,
    TASK_THROUGHPUT, TASK_MATH, TASK_RULER;

const struct task *const TASKS[] = {&TASK_NEEDLE,   &TASK_PERPLEXITY,    &TASK_CHOICE,  &TASK_ICL,
                                    &TASK_OUTLIERS, &TASK_HALLUCINATION, &TASK_SCALING, &TASK_THROUGHPUT,
                                    &TASK_MATH,     &TASK_RULER,         NULL};

const struct task *tasks_find(const char *name)
{
    for (size_t i = 0; TASKS[i] != NULL; i++)
        if (strcmp(TASKS[i]->name, name) == 0)
            return TASKS[i];
    return NULL;
}
