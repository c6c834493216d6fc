/* bench.c - difftf-bench: rates of prefill, decoding, attention and training, as shares of what this machine does in the same
 * run: its matrix product, or its reading of memory. */
#include "bench/bench.h"
#include "base/program.h"
#include "suite/machine.h"

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

struct options {
    const char *part, *out;
    int threads;
    bool help;
};

static bool asked(const char *part, size_t i)
{
    return strcmp(part, "all") == 0 || strcmp(part, PARTS[i].name) == 0;
}

/* Minutes of work wait for this file: whether it can be written is known before. */
static enum status check_writable(const char *path, struct error *err)
{
    struct file_writer w = {0};
    enum status status = path ? file_writer_open(&w, path, err) : OK;
    file_writer_abort(&w);
    return status;
}

static enum status bench(const struct options *o, struct error *err)
{
    enum status status = check_writable(o->out, err);
    if (status != OK)
        return status;
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine");
    struct bench b = {.threads = o->threads, .machine = rates_machine_open(o->threads)};
    if (b.machine == NULL)
        status = error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK) {
        double sgemm = rates_sgemm(b.machine), reading = rates_read(b.machine);
        b.rows = cJSON_AddArrayToObject(root, "rows");
        b.layers = cJSON_AddArrayToObject(root, "layers");
        printf("this machine, %d threads: sgemm 2048 x 2048 x 2048 %.1f GFLOP/s, reading memory %.1f GB/s\n", o->threads, sgemm,
               reading);
        machine_describe(machine);
        printf("%s: kernels %s, %s\n", json_text(machine, "cpu"), json_text(machine, "kernels"), json_text(machine, "blas"));
        json_add_number(machine, "threads", o->threads);
        json_add_number(machine, "sgemm_gflops", sgemm);
        json_add_number(machine, "read_gigabytes", reading);
    }
    for (size_t i = 0; i < N_BENCHES && status == OK; i++)
        if (asked(o->part, i))
            status = PARTS[i].run(&b, err);
    if (status == OK && o->out != NULL)
        status = json_write(o->out, root, err);
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

static void help(void)
{
    puts(
        "usage: difftf-bench [PART] [--json FILE] [--threads N]\n"
        "       difftf-bench page FILE PAGE\n"
        "       difftf-bench fixed MODEL prefill|decode|train LENGTH\n"
        "       difftf-bench first FOLDER THREADS\n"
        "Rates as shares of this machine's own matrix product and reading of memory, measured in turns with them; page: an HTML\n"
        "page of such a FILE, with rooflines; fixed: one small run for an instruction counter; first: a model's first token,\n"
        "for a clock.");
    printf("parts: all");
    for (size_t i = 0; i < N_BENCHES; i++)
        printf(", %s", PARTS[i].name);
    puts("");
}

static bool known(const char *part)
{
    bool found = false;
    for (size_t i = 0; i < N_BENCHES; i++)
        found = found || asked(part, i);
    return found;
}

static enum status parse_threads(int *threads, const char *value, struct error *err)
{
    if (value == NULL)
        return error_set(err, ERR_USAGE, "--threads: expected a number from 1 to 4096");
    char *end;
    long n = strtol(value, &end, 10);
    if (*end != '\0' || n < 1 || n > 4096)
        return error_set(err, ERR_USAGE, "--threads %s: expected a number from 1 to 4096", value);
    *threads = (int)n;
    return OK;
}

static enum status parse(struct options *o, char **argv, struct error *err)
{
    for (char **arg = argv; *arg != NULL; arg++) {
        if (strcmp(*arg, "--help") == 0) {
            o->help = true;
        } else if (strcmp(*arg, "--json") == 0) {
            if (arg[1] == NULL)
                return error_set(err, ERR_USAGE, "--json: expected a file's name after it");
            o->out = *++arg;
        } else if (strcmp(*arg, "--threads") == 0) {
            if (parse_threads(&o->threads, *++arg, err) != OK)
                return ERR_USAGE;
        } else if (known(*arg)) {
            o->part = *arg;
        } else {
            return error_set(err, ERR_USAGE, "%s: no option or part, expected one that difftf-bench --help lists", *arg);
        }
    }
    return OK;
}

int main(int argc, char **argv)
{
    program_start("difftf-bench", false);
    struct error err = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {.part = "all", .threads = processors > 0 ? (int)processors : 1};
    if (argc == 4 && strcmp(argv[1], "page") == 0)
        return program_end(page(argv[2], argv[3], &err), &err);
    if (argc == 5 && strcmp(argv[1], "fixed") == 0)
        return program_end(bench_fixed(argv[2], argv[3], strtoul(argv[4], NULL, 10), &err), &err);
    if (argc == 4 && strcmp(argv[1], "first") == 0)
        return program_end(bench_first(argv[2], atoi(argv[3]), &err), &err);
    enum status status = parse(&o, argv + (argc > 0), &err);
    if (status == OK && o.help)
        help();
    else if (status == OK)
        status = bench(&o, &err);
    return program_end(status, &err);
}
