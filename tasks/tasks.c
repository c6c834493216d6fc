/* tasks.c - see tasks.h. */
#include "tasks/tasks.h"

extern const struct task TASK_NEEDLE;

const struct task *const TASKS[] = {&TASK_NEEDLE, NULL};
