/* serve.c - models behind HTTP. */
#include "base/visible.h"
#include "cli/commands.h"
#include "serve/server.h"
#include "suite/experiment.h"

#include <stdlib.h>

static const struct option_spec OPTIONS[] = {
    {"model", OPTION_STRINGS, NULL, 0, 0, "NAME=DIR",
     "a model and the name that clients know it by, may be repeated (default: the "
     "embedded pair)",
     false, 0},
    {"host", OPTION_STRING, "127.0.0.1", 0, 0, "ADDRESS", "where to listen; what others can reach needs --api-key-file", true, 0},
    {"port", OPTION_INT, "8080", 0, 65535, "N", "0: any that is free", true, 0},
    {"api-key-file", OPTION_STRING, NULL, 0, 0, "FILE", "a key a line; clients have to know one of them", true, 0},
    {"slots", OPTION_INT, "16", 1, 1024, "N", "sequences side by side; each holds its keys and values", true, 0},
    {"max-batch", OPTION_INT, "256", 1, 65536, "N", "prompts of one request, times n", true, 0},
    {"max-queue", OPTION_INT, "256", 1, 65536, "N", "requests in hand; more are told to come again", true, 0},
    {"max-body", OPTION_INT, "16777216", 1024, 1073741824, "BYTES", "of one request", true, 0},
    {"max-context", OPTION_INT, "0", 0, 1048576, "N", "tokens of prompt and answer; 0: what the model says", true, 0},
    {"max-seconds", OPTION_NUMBER, "3600", 0.1, 1000000, "S", "that a request may take, waiting included", true, 0},
    {"compute", OPTION_CHOICE, "f32", 0, 0, COMPUTE_WORDS, "what the numbers of matrix products are rounded to", false, 0},
    {"threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0},
    OPTIONS_END,
};

static void ready(const char *address)
{
    say(stdout, "serving on %s/v1\n", address);
    fflush(stdout);
}

static enum status add(struct served_list *list, const char *text, const cJSON *options, struct error *err)
{
    enum status status = served_add(list, text, option_size(options, "max-context"),
                                    (enum compute)option_choice(options, "compute", COMPUTE_WORDS), err);
    if (status == OK)
        cli_print_notes(list->model[list->n - 1].model.notes.data);
    return status;
}

static enum status load(struct served_list *list, const cJSON *options, struct error *err)
{
    static const char *const embedded[] = {"models/transformer", "models/diff-transformer"};
    const cJSON *models = cJSON_GetObjectItemCaseSensitive(options, "model"), *model;
    enum status status = OK;
    cJSON_ArrayForEach(model, models) status = status == OK ? add(list, model->valuestring, options, err) : status;
    for (size_t i = 0; i < 2 && cJSON_GetArraySize(models) == 0 && status == OK; i++) {
        char *folder = embedded_path(embedded[i]);
        status = add(list, folder, options, err);
        free(folder);
    }
    return status;
}

static enum status serve(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct served_list models = {0};
    const struct server_settings settings = {.host = option_string(options, "host"),
                                             .port = (unsigned)option_size(options, "port"),
                                             .key_file = option_string(options, "api-key-file"),
                                             .bounds = {option_size(options, "max-body"), option_size(options, "max-batch")},
                                             .slots = option_size(options, "slots"),
                                             .queue = option_size(options, "max-queue"),
                                             .seconds = option_number(options, "max-seconds"),
                                             .threads = cli_threads(options)};
    (void)arguments;
    enum status status = load(&models, options, err);
    if (status == OK)
        status = server_run(&models, &settings, &stop_signal, ready, err);
    served_free(&models);
    return status;
}

const struct command COMMAND_SERVE = {"serve", NULL, "models behind HTTP, in the protocol of OpenAI's completions", OPTIONS,
                                      serve};
