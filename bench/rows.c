/* rows.c - measuring and booking the rows of the bench; see bench.h. */
#include "bench/bench.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_RUNS = 15, LEAST_RUNS = 3 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *values, int n)
{
    double sorted[MOST_RUNS] = {0};
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

double bench_spread(const double *values, int n)
{
    double low = values[0], high = values[0];
    for (int i = 1; i < n; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    return (high - low) / bench_median(values, n);
}

/* getrusage would count the program that started this one, too. */
double bench_peak_kilobytes(void)
{
    char line[256];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtod(line + 6, NULL);
    if (status != NULL)
        fclose(status);
    return kilobytes;
}

int bench_digits(double x)
{
    return x < 10 ? 2 : 1;
}

void bench_begin(const char *name)
{
    if (isatty(STDOUT_FILENO))
        printf("%-36s ..", name);
    fflush(stdout);
}

/* How often work is run that took so long the first time. */
static int runs_of(int wanted, double seconds)
{
    int fit = seconds > 0 ? (int)fmin(BENCH_SECONDS / seconds, MOST_RUNS) : MOST_RUNS;
    int runs = wanted < fit ? wanted : fit;
    return runs > LEAST_RUNS ? runs : LEAST_RUNS;
}

void bench_book(struct bench *b, const struct bench_result *r)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", r->name);
    cJSON_AddStringToObject(row, "shape", r->shape);
    cJSON_AddStringToObject(row, "unit", r->unit);
    json_add_number(row, "rate", r->rate);
    json_add_number(row, "limit", r->limit);
    cJSON_AddStringToObject(row, "limit_name", r->limit_name);
    json_add_number(row, "ratio", r->ratio);
    json_add_number(row, "spread", r->spread);
    json_add_number(row, "runs", r->runs);
    if (r->goal > 0)
        json_add_number(row, "goal", r->goal);
    cJSON_AddItemToArray(b->rows, row);
    printf("%s%-36s %9.*f %-8s limit %.*f (%s), %.0f %%", isatty(STDOUT_FILENO) ? "\r" : "", r->name, bench_digits(r->rate),
           r->rate, r->unit, bench_digits(r->limit), r->limit, r->limit_name, 100 * r->ratio);
    if (r->goal > 0)
        printf(", asked %.0f %%", 100 * r->goal);
    printf(", spread %.0f %%\n", 100 * r->spread);
    fflush(stdout);
}

void bench_measure(struct bench *b, const struct bench_row *row)
{
    double seconds[MOST_RUNS] = {0}, ratio[MOST_RUNS] = {0};
    bench_begin(row->name);
    double started = clock_seconds();
    row->once(row->context);
    int runs = runs_of(row->runs, clock_seconds() - started);
    for (int i = 0; i < runs; i++) {
        double limit = row->reading ? rates_read(b->machine) : rates_peak(b->machine, row->compute);
        seconds[i] = row->once(row->context);
        ratio[i] = row->cost / seconds[i] / limit;
    }
    static const char *const peaks[N_COMPUTE] = {"peak", "BF16 peak", "int8 peak"};
    double rate = row->work / bench_median(seconds, runs), share = bench_median(ratio, runs);
    bench_book(b, &(struct bench_result){.name = row->name,
                                         .shape = row->shape,
                                         .unit = row->unit ? row->unit : "tokens/s",
                                         .rate = rate,
                                         .limit = rate / share,
                                         .limit_name = row->reading ? "reading" : peaks[row->compute],
                                         .ratio = share,
                                         .runs = runs,
                                         .spread = bench_spread(seconds, runs),
                                         .goal = row->goal});
}

void bench_against(struct bench *b, const struct bench_pair *pair)
{
    double times[MOST_RUNS] = {0};
    bench_begin(pair->name);
    double started = clock_seconds();
    pair->once(pair->context[0]);
    pair->once(pair->context[1]);
    int runs = runs_of(pair->runs, clock_seconds() - started);
    for (int i = 0; i < runs; i++) {
        double first = pair->once(pair->context[0]), second = pair->once(pair->context[1]);
        times[i] = second / first;
    }
    double middle = bench_median(times, runs);
    bench_book(b, &(struct bench_result){.name = pair->name,
                                         .shape = pair->shape,
                                         .unit = "times",
                                         .rate = middle,
                                         .limit = pair->limit,
                                         .limit_name = pair->limit_name,
                                         .ratio = middle / pair->limit,
                                         .runs = runs,
                                         .spread = bench_spread(times, runs),
                                         .goal = pair->goal});
}
