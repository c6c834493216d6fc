/* load.c - from the start of a program to a model's first token, and the most memory that takes. */
#include "bench/bench.h"
#include "bench/shapes.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "suite/experiment.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* 5 GB within 2 s, in GB a second; and what a program needs beside the weights and the session: libraries, threads, tables. */
static const double ASKED_RATE = 2.5;
enum { RUNS = 5, PROGRAM_BYTES = 32 << 20, PROMPT = 2 };

enum status bench_first(const char *folder, int threads, struct error *err)
{
    struct model m = {0};
    struct session s = {0};
    int32_t ids[PROMPT];
    float *logits = NULL;
    enum status status = model_load(&m, folder, err);
    if (status == OK)
        status = session_init(&s, &m, PROMPT, threads, err);
    if (status == OK && (logits = mem_array(m.config.vocab_size, sizeof *logits)) == NULL)
        status = error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK) {
        rates_ids(ids, PROMPT, &m);
        status = session_run(&s, ids, PROMPT, NULL, logits, err);
    }
    if (status == OK)
        printf("peak %.0f KB\n", bench_peak_kilobytes());
    fflush(stdout); /* the first token is there: what follows is no part of the time */
    free(logits);
    if (s.model != NULL)
        session_free(&s);
    model_free(&m);
    return status;
}

struct program {
    const char *shape;
    char *folder;
    int threads;
    double peak; /* bytes */
    bool failed;
};

/* A program of its own: what this one has in memory is not counted. */
static double seconds_of(void *context)
{
    struct program *p = context;
    char threads[16], first[] = "first", self[] = "difftf-bench", line[64] = "";
    char *const argv[] = {self, first, p->folder, threads, NULL};
    int out[2], code = 1;
    pid_t pid;
    posix_spawn_file_actions_t actions;
    snprintf(threads, sizeof threads, "%d", p->threads);
    if (pipe(out) != 0 || posix_spawn_file_actions_init(&actions) != 0) {
        p->failed = true;
        return 0;
    }
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    double started = clock_seconds();
    bool ran = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) == 0;
    close(out[1]);
    ssize_t n = ran ? read(out[0], line, sizeof line - 1) : 0;
    double seconds = clock_seconds() - started;
    ran = ran && waitpid(pid, &code, 0) == pid && code == 0 && n > 0;
    close(out[0]);
    posix_spawn_file_actions_destroy(&actions);
    p->failed = p->failed || !ran;
    double peak = ran ? 1024 * strtod(line + strcspn(line, "0123456789"), NULL) : 0;
    p->peak = peak > p->peak ? peak : p->peak;
    return seconds;
}

static enum status time_program(struct program *p, double seconds[RUNS], struct error *err)
{
    seconds_of(p); /* brings the file into memory */
    for (int i = 0; i < RUNS; i++)
        seconds[i] = seconds_of(p);
    return p->failed ? error_set(err, ERR_SYSTEM, "%s: a program that reads it did not end well", p->folder) : OK;
}

/* The rate is that of the weights: what a small model takes, the start of the program, is no part of it. */
static enum status book(struct bench *b, size_t shape, struct program *p, double start, double weights, double session,
                        struct error *err)
{
    char name[64];
    double seconds[RUNS];
    enum status status = time_program(p, seconds, err);
    if (status != OK)
        return status;
    double rate = weights / 1e9 / (bench_median(seconds, RUNS) - start);
    snprintf(name, sizeof name, "load.bf16.%s", BENCH_SHAPE_NAMES[shape]);
    bench_book(b, &(struct bench_result){.name = name,
                                         .shape = p->shape,
                                         .unit = "GB/s",
                                         .rate = rate,
                                         .limit = ASKED_RATE,
                                         .limit_name = "5 GB to the first token in 2 s",
                                         .ratio = rate / ASKED_RATE,
                                         .runs = RUNS,
                                         .spread = bench_spread(seconds, RUNS),
                                         .goal = 1});
    snprintf(name, sizeof name, "load.memory.%s", BENCH_SHAPE_NAMES[shape]);
    double foreseen = weights + session + PROGRAM_BYTES;
    bench_book(b, &(struct bench_result){.name = name,
                                         .shape = p->shape,
                                         .unit = "MB",
                                         .rate = p->peak / 1e6,
                                         .limit = foreseen / 1e6,
                                         .limit_name = "foreseen",
                                         .ratio = foreseen / p->peak,
                                         .runs = RUNS,
                                         .goal = 1 / 1.1});
    return OK;
}

/* A folder of BF16 weights under a name of its own. */
static enum status write_folder(char folder[256], char text[BENCH_SHAPE_TEXT], size_t shape, double *weights, double *session,
                                int threads, struct error *err)
{
    const char *base = getenv("TMPDIR");
    struct model m = {0};
    snprintf(folder, 256, "%s/difftf-bench-XXXXXX", base ? base : "/tmp");
    if (mkdtemp(folder) == NULL)
        return error_set(err, ERR_SYSTEM, "%s: cannot be made", folder);
    enum status status = bench_model(&m, shape, err);
    if (status == OK)
        status = model_save(&m, folder, DTYPE_BF16, err);
    *weights = 2 * (double)m.weights.n_params;
    bench_shape_text(text, &m, PROMPT);
    *session = status == OK ? (double)session_memory(&m, PROMPT, threads) : 0;
    model_free(&m);
    return status;
}

static void remove_folder(const char *folder)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *file = path_join(folder, files[i]);
        if (file != NULL)
            unlink(file);
        free(file);
    }
    rmdir(folder);
}

enum status bench_load(struct bench *b, struct error *err)
{
    double seconds[RUNS];
    struct program small = {.folder = embedded_path("models/transformer"), .threads = b->threads};
    enum status status = small.folder ? OK : error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK)
        status = time_program(&small, seconds, err);
    for (size_t shape = 0; shape < BENCH_SHAPES && status == OK; shape++) {
        char folder[256], text[BENCH_SHAPE_TEXT];
        double weights, session;
        status = write_folder(folder, text, shape, &weights, &session, b->threads, err);
        struct program p = {.shape = text, .folder = folder, .threads = b->threads};
        if (status == OK)
            status = book(b, shape, &p, bench_median(seconds, RUNS), weights, session, err);
        remove_folder(folder);
    }
    free(small.folder);
    return status;
}
