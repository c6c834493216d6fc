/* bench.c - difftf-bench: rates of prefill, decoding, attention and training, as shares of what this machine does in the same
 * run: its matrix product, or its reading of memory. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    enum status (*run)(struct bench *b, struct error *err);
} PARTS[] = {{"prefill", bench_prefill}, {"decode", bench_decode}, {"attention", bench_attention}, {"train", bench_train},
             {"scaling", bench_scaling}, {"layers", bench_layers}, {"load", bench_load},           {"long", bench_long}};
enum { N_BENCHES = sizeof PARTS / sizeof *PARTS };

static enum status bench(const char *part, const char *out, int threads, struct error *err)
{
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine");
    struct bench b = {.threads = threads, .machine = rates_machine_open(threads)};
    enum status status = b.machine ? OK : error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK) {
        double sgemm = rates_sgemm(b.machine), reading = rates_read(b.machine);
        b.rows = cJSON_AddArrayToObject(root, "rows");
        b.layers = cJSON_AddArrayToObject(root, "layers");
        printf("this machine, %d threads: sgemm 2048 x 2048 x 2048 %.1f GFLOP/s, reading memory %.1f GB/s\n", threads, sgemm,
               reading);
        json_add_number(machine, "threads", threads);
        json_add_number(machine, "sgemm_gflops", sgemm);
        json_add_number(machine, "read_gigabytes", reading);
    }
    for (size_t i = 0; i < N_BENCHES && status == OK; i++)
        if (strcmp(part, "all") == 0 || strcmp(part, PARTS[i].name) == 0)
            status = PARTS[i].run(&b, err);
    if (status == OK && out != NULL)
        status = json_write(out, root, err);
    rates_machine_close(b.machine);
    cJSON_Delete(root);
    return status;
}

static enum status page(const char *from, const char *to, struct error *err)
{
    cJSON *bench = NULL;
    enum status status = json_read(&bench, from, err);
    if (status == OK)
        status = bench_page(to, from, bench, err);
    cJSON_Delete(bench);
    return status;
}

static int usage(FILE *stream, int code)
{
    fputs(
        "usage: difftf-bench [PART] [--json FILE] [--threads N]\n"
        "       difftf-bench page FILE PAGE\n"
        "       difftf-bench fixed MODEL prefill|decode|train LENGTH\n"
        "       difftf-bench first FOLDER THREADS\n"
        "Rates as shares of this machine's own matrix product and reading of memory, measured in turns with them; page: an HTML\n"
        "page of such a FILE, with rooflines; fixed: one small run for an instruction counter; first: a model's first token,\n"
        "for a clock.\n"
        "parts: all",
        stream);
    for (size_t i = 0; i < N_BENCHES; i++)
        fprintf(stream, ", %s", PARTS[i].name);
    fputs("\n", stream);
    return code;
}

static int finish(enum status status, const struct error *err)
{
    if (status != OK)
        fprintf(stderr, "difftf-bench: %s\n", err->message);
    return (int)status;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    const char *part = "all", *out = NULL;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int threads = processors > 0 ? (int)processors : 1;
    bool known = false;
    if (argc == 4 && strcmp(argv[1], "page") == 0)
        return finish(page(argv[2], argv[3], &err), &err);
    if (argc == 5 && strcmp(argv[1], "fixed") == 0)
        return finish(bench_fixed(argv[2], argv[3], strtoul(argv[4], NULL, 10), &err), &err);
    if (argc == 4 && strcmp(argv[1], "first") == 0)
        return finish(bench_first(argv[2], atoi(argv[3]), &err), &err);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, OK);
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            out = argv[++i];
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            threads = atoi(argv[++i]);
        else if (argv[i][0] != '-')
            part = argv[i];
        else
            return usage(stderr, ERR_USAGE);
    }
    for (size_t i = 0; i < N_BENCHES; i++)
        known = known || strcmp(part, PARTS[i].name) == 0 || strcmp(part, "all") == 0;
    if (!known)
        return usage(stderr, ERR_USAGE);
    return finish(bench(part, out, threads, &err), &err);
}
