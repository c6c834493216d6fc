/* train.c - difftf-train: trains a model or a matched pair; `grads` writes gradients for comparison. */
#include "base/startup.h"
#include "train/grads.h"
#include "train/plan.h"
#include "train/trainer.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    stop_signal = signal_number;
}

static int usage(FILE *to)
{
    fputs("usage: difftf-train CONFIG.yaml [--only MODEL] [--seed N] [--threads N] [--fresh] [--quiet]\n"
          "       difftf-train plan RECIPE.yaml.. [--threads N]\n"
          "       difftf-train grads --model DIR --ids FILE.json --out FILE.safetensors [--adamw FILE.json] [--threads N]\n"
          "\n"
          "Trains the models of a recipe one after another (or the one named by --only) and goes on by itself after an\n"
          "interruption. Examples of recipes are in configs/train/. `plan` says what recipes will cost on this machine.\n"
          "\n"
          "  --only MODEL   train this model of the recipe alone\n"
          "  --seed N       of a recipe with `seeds`, this one alone\n"
          "  --threads N    1 to 256; default: the processors\n"
          "  --fresh        start again even if there is a checkpoint\n"
          "  --quiet        no progress lines\n",
          to);
    return to == stderr ? ERR_USAGE : OK;
}

struct arguments {
    struct trainer_options trainer;
    const char *model, *ids, *out, *adamw;
    uint64_t seed;
};

static int read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {{"only", required_argument, NULL, 'o'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"fresh", no_argument, NULL, 'f'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"model", required_argument, NULL, 'm'},
                                            {"ids", required_argument, NULL, 'i'},
                                            {"out", required_argument, NULL, 'O'},
                                            {"adamw", required_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
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
            exit(usage(stdout));
        default:
            return usage(stderr);
        }
    return OK;
}

int main(int argc, char **argv)
{
    startup();
    struct error err = {0};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct arguments a = {.trainer = {.threads = processors > 0 ? (int)processors : 1, .stop = &stop_signal}};
    int status = read_arguments(&a, argc, argv);
    if (status != OK)
        return status;
    bool plan = optind < argc && strcmp(argv[optind], "plan") == 0;
    if (plan ? optind + 1 == argc : optind + 1 != argc)
        return usage(stderr);
    if (plan) {
        status = (int)plan_print(stdout, argv + optind + 1, (size_t)(argc - optind - 1), a.trainer.threads, &err);
    } else if (strcmp(argv[optind], "grads") == 0) {
        if (a.model == NULL || a.ids == NULL || a.out == NULL) {
            fputs("difftf-train: grads: an option is missing, expected --model, --ids and --out\n", stderr);
            return ERR_USAGE;
        }
        status = (int)grads_write(a.model, a.ids, a.adamw, a.out, a.trainer.threads, &err);
    } else {
        struct recipe recipe;
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        status = (int)recipe_load(&recipe, argv[optind], &err);
        if (status == OK) {
            status = (int)trainer_run(&recipe, &a.trainer, &err);
            recipe_free(&recipe);
        }
    }
    if (status != OK)
        fprintf(stderr, "difftf-train: %s\n", err.message);
    return status == ERR_STOPPED ? 128 + (int)stop_signal : status;
}
