/* train.c - difftf-train: trains a model or a matched pair; `grads` writes gradients for comparison. */
#include "base/program.h"
#include "train/curves.h"
#include "train/export.h"
#include "train/grads.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status usage(FILE *to)
{
    fputs("usage: difftf-train CONFIG.yaml [--only MODEL] [--seed N] [--threads N] [--fresh] [--quiet] [--json]\n"
          "       difftf-train plan RECIPE.yaml.. [--threads N]\n"
          "       difftf-train export RECIPE.yaml DIR [--seed N]\n"
          "       difftf-train curves [NAME=]FOLDER.. --out REPORT.json\n"
          "       difftf-train grads --model DIR --ids FILE.json --out FILE.safetensors [--adamw FILE.json] [--threads N]\n"
          "\n"
          "Trains the models of a recipe one after another (or the one named by --only) and goes on by itself after an\n"
          "interruption. Examples of recipes are in configs/train/. `plan` says what recipes will cost on this machine,\n"
          "`export` writes the sequences, rates and first weights of a training for tools/train-torch, `curves` makes a report\n"
          "of trainings for difftf-eval report.\n"
          "\n"
          "  --only MODEL   train this model of the recipe alone\n"
          "  --seed N       of a recipe with `seeds`, this one alone\n"
          "  --threads N    1 to 256; default: the processors\n"
          "  --fresh        start again even if there is a checkpoint\n"
          "  --quiet        no progress lines\n"
          "  --json         each line of the log on standard output\n",
          to);
    return to == stderr ? ERR_USAGE : OK;
}

struct arguments {
    struct trainer_options trainer;
    const char *model, *ids, *out, *adamw;
    uint64_t seed;
    bool help;
};

static enum status read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {{"only", required_argument, NULL, 'o'},    {"seed", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'}, {"fresh", no_argument, NULL, 'f'},
                                            {"quiet", no_argument, NULL, 'q'},         {"json", no_argument, NULL, 'j'},
                                            {"model", required_argument, NULL, 'm'},   {"ids", required_argument, NULL, 'i'},
                                            {"out", required_argument, NULL, 'O'},     {"adamw", required_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    char *end;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        switch (c) {
        case 'o':
            a->trainer.only = optarg;
            break;
        case 's':
            a->seed = strtoull(optarg, &end, 10);
            a->trainer.seed = &a->seed;
            if (*end != '\0' || end == optarg) {
                fprintf(stderr, "difftf-train: --seed: '%s' is wrong, expected one of the recipe's seeds\n", optarg);
                return ERR_USAGE;
            }
            break;
        case 't':
            a->trainer.threads = (int)strtol(optarg, &end, 10);
            if (*end != '\0' || a->trainer.threads < 1 || a->trainer.threads > 256) {
                fprintf(stderr, "difftf-train: --threads: '%s' is wrong, expected 1 to 256\n", optarg);
                return ERR_USAGE;
            }
            break;
        case 'f':
            a->trainer.fresh = true;
            break;
        case 'q':
            a->trainer.quiet = true;
            break;
        case 'j':
            a->trainer.json = true;
            break;
        case 'm':
            a->model = optarg;
            break;
        case 'i':
            a->ids = optarg;
            break;
        case 'O':
            a->out = optarg;
            break;
        case 'a':
            a->adamw = optarg;
            break;
        case 'h':
            a->help = true;
            return usage(stdout);
        default:
            return usage(stderr);
        }
    return OK;
}

static enum status run_plan(const struct arguments *a, char **operands, int n, struct error *err)
{
    return plan_print(stdout, operands, (size_t)n, a->trainer.threads, err);
}

static enum status run_export(const struct arguments *a, char **operands, int n, struct error *err)
{
    (void)n;
    struct recipe recipe;
    enum status status = recipe_load(&recipe, operands[0], err);
    if (status != OK)
        return status;
    status = export_write(&recipe, a->trainer.seed, operands[1], err);
    recipe_free(&recipe);
    return status;
}

static enum status run_curves(const struct arguments *a, char **operands, int n, struct error *err)
{
    return a->out ? curves_write(operands, (size_t)n, a->out, err)
                  : error_set(err, ERR_USAGE, "curves: option --out is missing, expected a report to write");
}

static enum status run_grads(const struct arguments *a, char **operands, int n, struct error *err)
{
    (void)operands;
    (void)n;
    if (a->model == NULL || a->ids == NULL || a->out == NULL)
        return error_set(err, ERR_USAGE, "grads: an option is missing, expected --model, --ids and --out");
    return grads_write(a->model, a->ids, a->adamw, a->out, a->trainer.threads, err);
}

static enum status run_training(const struct arguments *a, char **operands, int n, struct error *err)
{
    (void)n;
    struct recipe recipe;
    enum status status = recipe_load(&recipe, operands[0], err);
    if (status != OK)
        return status;
    status = trainer_run(&recipe, &a->trainer, err);
    recipe_free(&recipe);
    return status;
}

/* The last row is what a call without a command's name means. */
static const struct command {
    const char *name;
    int fewest, most; /* operands */
    enum status (*run)(const struct arguments *a, char **operands, int n, struct error *err);
} COMMANDS[] = {
    {"plan", 1, INT_MAX, run_plan},
    {"export", 2, 2, run_export},
    {"curves", 1, INT_MAX, run_curves},
    {"grads", 0, 0, run_grads},
    {NULL, 1, 1, run_training},
};

static enum status run(const struct arguments *a, int argc, char **argv, struct error *err)
{
    const struct command *c = COMMANDS;
    while (c->name != NULL && (argc == 0 || strcmp(argv[0], c->name) != 0))
        c++;
    int named = c->name != NULL, n = argc - named;
    return n < c->fewest || n > c->most ? usage(stderr) : c->run(a, argv + named, n, err);
}

int main(int argc, char **argv)
{
    program_start("difftf-train", true);
    struct error err = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {.trainer = {.threads = processors > 0 ? (int)processors : 1, .stop = &stop_signal}};
    enum status status = read_arguments(&a, argc, argv);
    if (status == OK && !a.help)
        status = run(&a, argc - optind, argv + optind, &err);
    return program_end(status, &err);
}
