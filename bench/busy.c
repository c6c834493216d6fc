/* busy.c - rows on a machine whose every core has other work: all threads against one. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that computes until it is killed, at the latest when this one ends. */
static pid_t start_other(pid_t parent)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (volatile unsigned long i = 0; getppid() == parent;)
        for (unsigned long k = 0; k < 1000000; k++)
            i = i + k;
    _exit(0);
}

/* With threads that wait by spinning, what the others compute would be waited for many times over. */
enum status bench_busy(struct bench *b, struct error *err)
{
    static const struct {
        const char *name;
        enum rates_work work;
        size_t n;
    } table[] = {{"busy.prefill.512", RATES_PREFILL, 512}, {"busy.decode", RATES_DECODE, 512}, {"busy.train", RATES_TRAIN, 512}};
    pid_t *others = calloc((size_t)b->threads, sizeof *others);
    struct model m = {0};
    enum status status = bench_embedded(&m, 0, err);
    int started = 0;
    while (status == OK && started < b->threads && (others[started] = start_other(getpid())) > 0)
        started++;
    if (status == OK && started < b->threads)
        status = error_set(err, ERR_SYSTEM, "bench: a further process cannot be started");
    for (size_t i = 0; i < sizeof table / sizeof *table && status == OK; i++)
        status = bench_models_against(b,
                                      &(struct bench_models){.name = table[i].name,
                                                             .model = {&m, &m},
                                                             .threads = {b->threads, 1},
                                                             .work = table[i].work,
                                                             .n = table[i].n,
                                                             .runs = 9,
                                                             .limit = 1,
                                                             .limit_name = "one thread",
                                                             .goal = 1 / 1.3},
                                      err);
    for (int i = 0; i < started; i++) {
        kill(others[i], SIGKILL);
        waitpid(others[i], NULL, 0);
    }
    free(others);
    model_free(&m);
    return status;
}
