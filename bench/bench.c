/* bench.c - difftf-bench: rates of prefill, decoding, attention and training, as shares of what this machine can do at most: its
 * multiplications and additions in registers, or its reading of memory, measured in the same run. */
#include "bench/bench.h"
#include "base/file.h"
#include "base/list.h"
#include "base/program.h"
#include "cli/face.h"
#include "suite/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *summary;
    enum status (*run)(struct bench *b, struct error *err);
} PARTS[] = {{"limits", "what this machine can do at most", bench_limits},
             {"product", "the library's product of large matrices", bench_product},
             {"prefill", "reading a prompt", bench_prefill},
             {"decode", "one token after another", bench_decode},
             {"batch", "eight sequences together, over one alone", bench_batch},
             {"attention", "attention alone, by length", bench_attention},
             {"train", "a training pass", bench_train},
             {"scaling", "the same on more threads", bench_scaling},
             {"busy", "while other processes compute", bench_busy},
             {"layers", "where the time of a layer goes", bench_layers},
             {"load", "loading a model and its first token", bench_load},
             {"long", "long contexts", bench_long}};
enum { N_BENCHES = sizeof PARTS / sizeof *PARTS };

struct options {
    const char *part, *out;
    int threads;
};

static bool asked(const char *part, size_t i)
{
    return strcmp(part, "all") == 0 || strcmp(part, PARTS[i].name) == 0;
}

static enum status bench(const struct options *o, struct error *err)
{
    enum status status = o->out ? file_writer_check(o->out, err) : OK; /* minutes of work wait for it */
    if (status != OK)
        return status;
    cJSON *root = cJSON_CreateObject(), *machine = cJSON_AddObjectToObject(root, "machine");
    struct bench b = {.threads = o->threads, .machine = rates_machine_open(o->threads)};
    if (b.machine == NULL)
        status = error_set(err, ERR_SYSTEM, "bench: out of memory");
    if (status == OK) {
        double peak = rates_peak(b.machine, COMPUTE_F32), reading = rates_read(b.machine);
        b.rows = cJSON_AddArrayToObject(root, "rows");
        b.layers = cJSON_AddArrayToObject(root, "layers");
        printf("this machine, %d threads: F32 peak %.1f GFLOP/s, reading memory %.1f GB/s\n", o->threads, peak, reading);
        machine_describe(machine);
        printf("%s: kernels %s, %s\n", json_text(machine, "cpu"), json_text(machine, "kernels"), json_text(machine, "blas"));
        json_add_number(machine, "threads", o->threads);
        json_add_number(machine, "peak_gflops", peak);
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

static const struct option_spec OPTIONS[] = {
    {"json", OPTION_STRING, NULL, 0, 0, "FILE", "also write machine and rows as JSON", false, 0},
    {"threads", OPTION_INT, "0", 0, 4096, "N", "threads, 0: all processors", false, 0},
    OPTIONS_END,
};

enum { N_WORDS = N_BENCHES + 5 };

static void list_words(struct face_word words[N_WORDS])
{
    static const struct face_word others[] = {
        {"all", NULL, "every part, in this order", OPTIONS, NULL},
        {"page", "FILE PAGE", "an HTML page of such a FILE, with rooflines", NULL, NULL},
        {"fixed", "MODEL prefill|decode|train LENGTH", "one small run, for an instruction counter", NULL, NULL},
        {"first", "FOLDER THREADS", "a model's first token, for a clock", NULL, NULL},
        {NULL, NULL, NULL, NULL, NULL}};
    for (size_t i = 0; i < N_BENCHES; i++)
        words[i] = (struct face_word){PARTS[i].name, NULL, PARTS[i].summary, OPTIONS, NULL};
    memcpy(words + N_BENCHES, others, sizeof others);
}

static enum status find_part(const char **part, const struct face *face, const char *name, struct error *err)
{
    const char *names[N_WORDS];
    size_t n = 0;
    for (const struct face_word *w = face->words; w->name != NULL; w++)
        names[n++] = w->name;
    names[n] = NULL;
    *part = name;
    return face_find(face, name) != NULL
               ? OK
               : error_set(err, ERR_USAGE, "%s: there is no such part, did you mean %s?", name, list_nearest(name, names));
}

static enum status run_parts(const struct face *face, int argc, char **argv, struct error *err)
{
    cJSON *values = NULL, *rest = cJSON_CreateArray();
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {.part = "all", .threads = processors > 0 ? (int)processors : 1};
    enum status status = options_parse(&values, rest, NULL, OPTIONS, argc - 1, argv + 1, err);
    if (status == OK) {
        o.out = option_string(values, "json");
        o.threads = option_size(values, "threads") > 0 ? (int)option_size(values, "threads") : o.threads;
    }
    if (status == OK && rest->child != NULL && rest->child->next != NULL)
        status = face_misused(face, NULL, err);
    else if (status == OK && rest->child != NULL)
        status = find_part(&o.part, face, rest->child->valuestring, err);
    if (status == OK)
        status = bench(&o, err);
    cJSON_Delete(values);
    cJSON_Delete(rest);
    return status;
}

int main(int argc, char **argv)
{
    struct face_word words[N_WORDS];
    const struct face face = {
        .name = "difftf-bench",
        .arguments = "PART",
        .summary = "how fast models run here, as a share of what this machine can do",
        .description = "Rates as shares of what this machine does at most, in registers or in reading memory, measured in turns\n"
                       "with them.",
        .options = OPTIONS,
        .words = words};
    struct error err = {0};
    enum status status = OK;
    program_start(face.name, false);
    list_words(words);
    if (argc < 2)
        face_usage(stdout, &face);
    else if (face_answers(&face, argc, argv, &status, &err))
        return program_end(status, &err);
    else if (argc == 4 && strcmp(argv[1], "page") == 0)
        status = page(argv[2], argv[3], &err);
    else if (argc == 5 && strcmp(argv[1], "fixed") == 0)
        status = bench_fixed(argv[2], argv[3], strtoul(argv[4], NULL, 10), &err);
    else if (argc == 4 && strcmp(argv[1], "first") == 0)
        status = bench_first(argv[2], atoi(argv[3]), &err);
    else
        status = run_parts(&face, argc, argv, &err);
    return program_end(status, &err);
}
