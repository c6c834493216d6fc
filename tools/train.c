/* train.c - difftf-train: trains a model or a matched pair; `grads` writes gradients for comparison. */
#include "base/program.h"
#include "train/curves.h"
#include "train/grads.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status usage(FILE *to)
{
    fputs("usage: difftf-train CONFIG.yaml [--only MODEL] [--seed N] [--threads N] [--fresh] [--quiet] [--json]\n"
          "       difftf-train plan RECIPE.yaml.. [--threads N]\n"
          "       difftf-train curves [NAME=]FOLDER.. --out REPORT.json\n"
          "       difftf-train grads --model DIR --ids FILE.json --out FILE.safetensors [--adamw FILE.json] [--threads N]\n"
          "\n"
          "Trains the models of a recipe one after another (or the one named by --only) and goes on by itself after an\n"
          "interruption. Examples of recipes are in configs/train/. `plan` says what recipes will cost on this machine,\n"
          "`curves` makes a report of trainings for difftf-eval report.\n"
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

static enum status run(const struct arguments *a, char **given, size_t n, struct error *err)
{
    struct recipe recipe;
    if (strcmp(given[0], "plan") == 0)
        return plan_print(stdout, given + 1, n - 1, a->trainer.threads, err);
    if (strcmp(given[0], "curves") == 0)
        return a->out ? curves_write(given + 1, n - 1, a->out, err)
                      : error_set(err, ERR_USAGE, "curves: option --out is missing, expected a report to write");
    if (strcmp(given[0], "grads") == 0) {
        if (a->model == NULL || a->ids == NULL || a->out == NULL)
            return error_set(err, ERR_USAGE, "grads: an option is missing, expected --model, --ids and --out");
        return grads_write(a->model, a->ids, a->adamw, a->out, a->trainer.threads, err);
    }
    enum status status = recipe_load(&recipe, given[0], err);
    if (status == OK) {
        status = trainer_run(&recipe, &a->trainer, err);
        recipe_free(&recipe);
    }
    return status;
}

int main(int argc, char **argv)
{
    program_start("difftf-train", true);
    struct error err = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {.trainer = {.threads = processors > 0 ? (int)processors : 1, .stop = &stop_signal}};
    enum status status = read_arguments(&a, argc, argv);
    size_t n = (size_t)(argc - optind);
    bool plan = n > 0 && (strcmp(argv[optind], "plan") == 0 || strcmp(argv[optind], "curves") == 0);
    if (status == OK && !a.help)
        status = (plan ? n > 1 : n == 1) ? run(&a, argv + optind, n, &err) : usage(stderr);
    return program_end(status, &err);
}
