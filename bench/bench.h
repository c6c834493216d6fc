/* bench.h - what the rows of the bench share. */
#ifndef DIFFTF_BENCH_H
#define DIFFTF_BENCH_H

#include "formats/json.h"
#include "model/rates.h"

#include <stdbool.h>
#include <stddef.h>

struct bench {
    int threads;
    struct rates_machine *machine;
    cJSON *rows, *layers; /* what was measured; where the time of a layer goes */
};

enum { BENCH_SECONDS = 3 }; /* that the runs of a row may take */

/* One run of some work: its seconds. */
typedef double bench_run(void *context);

/* Work whose rate is set against the machine's. */
struct bench_row {
    const char *name, *shape;
    bench_run *once;
    void *context;
    int runs;
    double work;      /* tokens, or of another unit, a run */
    const char *unit; /* NULL: tokens/s */
    double cost;      /* GFLOP or, with `reading`, GB a run */
    bool reading;
    enum compute compute; /* whose peak is the limit */
    double goal;          /* the least ratio that is asked for, 0: none */
};
/* Runs it `runs` times, or as often as BENCH_SECONDS allow but thrice, after one that is not counted, in turns with the machine's
 * peak or reading, and books and prints the median rate, the median share of the machine's rate and the spread. */
void bench_measure(struct bench *b, const struct bench_row *row);

/* The same work of two contexts that take turns: how many times as fast the first is, as a share of `limit`. */
struct bench_pair {
    const char *name, *shape;
    bench_run *once;
    void *context[2];
    int runs;
    double limit, goal;
    const char *limit_name;
};
void bench_against(struct bench *b, const struct bench_pair *pair);

/* The same of two models at fixed work, each on its own number of threads. */
struct bench_models {
    const char *name;
    const struct model *model[2];
    int threads[2];
    enum rates_work work;
    size_t n;
    int runs;
    double limit, goal;
    const char *limit_name;
};
enum status bench_models_against(struct bench *b, const struct bench_models *m, struct error *err);

/* A finished row; `limit` is in the unit of `rate`: what the machine's own rate would have allowed. */
struct bench_result {
    const char *name, *shape, *unit, *limit_name;
    double rate, limit, ratio, spread, goal;
    int runs;
};
/* Says on the terminal, without an end of line, what is measured next: bench_book ends the line. */
void bench_begin(const char *name);
/* Books and prints it. */
void bench_book(struct bench *b, const struct bench_result *result);

/* Of at most 15 values; the spread is from the least to the largest, as a share of the median. */
double bench_median(const double *values, int n);
double bench_spread(const double *values, int n);

/* Digits after the point of a rate that is shown. */
int bench_digits(double rate);

/* The most memory of this program so far, without that of the one that started it. */
double bench_peak_kilobytes(void);

/* The rows: see README.md. */
enum status bench_limits(struct bench *b, struct error *err);
enum status bench_product(struct bench *b, struct error *err);
enum status bench_busy(struct bench *b, struct error *err);
enum status bench_prefill(struct bench *b, struct error *err);
enum status bench_decode(struct bench *b, struct error *err);
enum status bench_batch(struct bench *b, struct error *err);
enum status bench_scaling(struct bench *b, struct error *err);
enum status bench_layers(struct bench *b, struct error *err);
enum status bench_train(struct bench *b, struct error *err);
enum status bench_attention(struct bench *b, struct error *err);
enum status bench_load(struct bench *b, struct error *err);
enum status bench_long(struct bench *b, struct error *err);

/* A small fixed piece of work on one thread, for counters; see tests/cost.sh. Prints what the count depends on, and the peak of
 * memory. */
enum status bench_fixed(const char *model, const char *work, size_t n, struct error *err);

/* Loads a model and computes the token after a short prompt: what bench_load starts as a program of its own. */
enum status bench_first(const char *folder, int threads, struct error *err);

/* Writes a page of what a run with --json kept in the file `name`. */
enum status bench_page(const char *path, const char *name, const cJSON *bench, struct error *err);

#endif
