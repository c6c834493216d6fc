/* difftf.c - see difftf.h. */
#include "api/difftf.h"

#include "cli/commands.h"
#include "lm/generate.h"
#include "lm/tokenizer.h"
#include "model/session.h"
#include "suite/experiment.h"
#include "tasks/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct difftf {
    struct model model;
    struct tokenizer *tokenizer; /* NULL: none */
    int threads;
};

/* The code of a status, with its message copied out. */
static int told(enum status status, const struct error *err, char *message)
{
    if (message != NULL)
        snprintf(message, DIFFTF_MESSAGE, "%s", status == OK ? "" : err->message);
    return (int)status;
}

const char *difftf_version(void)
{
    return DIFFTF_VERSION;
}

void difftf_free(void *memory)
{
    free(memory);
}

int difftf_open(struct difftf **out, const char *path, int threads, char *message)
{
    struct error err = {0};
    struct difftf *m = calloc(1, sizeof *m);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    m->threads = threads > 0 ? threads : processors > 0 ? (int)processors : 1;
    enum status status = model_load(&m->model, path, &err);
    if (status == OK && tokenizer_exists(path))
        status = tokenizer_load(&m->tokenizer, path, &err);
    if (status == OK && m->tokenizer != NULL)
        status = tokenizer_fits(m->tokenizer, m->model.config.vocab_size, path, &err);
    if (status != OK) {
        difftf_close(m);
        m = NULL;
    }
    *out = m;
    return told(status, &err, message);
}

void difftf_close(struct difftf *m)
{
    if (m == NULL)
        return;
    tokenizer_free(m->tokenizer);
    if (m->model.folder != NULL)
        model_free(&m->model);
    free(m);
}

size_t difftf_vocab_size(const struct difftf *m)
{
    return m->model.config.vocab_size;
}

size_t difftf_layers(const struct difftf *m)
{
    return m->model.config.n_layers;
}

size_t difftf_heads(const struct difftf *m)
{
    return m->model.plan.n_heads;
}

size_t difftf_maps(const struct difftf *m)
{
    return m->model.config.n_maps;
}

size_t difftf_parameters(const struct difftf *m)
{
    return m->model.weights.n_params;
}

const char *difftf_family(const struct difftf *m)
{
    return m->model.config.family->model_type;
}

static enum status need_tokenizer(const struct difftf *m, struct error *err)
{
    return m->tokenizer ? OK
                        : error_set(err, ERR_INPUT, "%s: has no tokenizer, expected one beside the weights", m->model.folder);
}

static enum status check_ids(const struct difftf *m, const int32_t *ids, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= m->model.config.vocab_size)
            return error_set(err, ERR_USAGE, "ids: element %zu is %d, expected 0 to %zu", i, ids[i],
                             m->model.config.vocab_size - 1);
    return n > 0 ? OK : error_set(err, ERR_USAGE, "ids: are none, expected one or more");
}

int difftf_tokenize(const struct difftf *m, const char *text, size_t length, int special, int32_t **ids, size_t *n, char *message)
{
    struct error err = {0};
    struct ids out = {0};
    enum status status = need_tokenizer(m, &err);
    if (status == OK)
        status = tokenizer_encode(m->tokenizer, text, length, special != 0, &out, &err);
    if (status != OK)
        ids_free(&out);
    *ids = out.data;
    *n = out.n;
    return told(status, &err, message);
}

int difftf_decode(const struct difftf *m, const int32_t *ids, size_t n, int special, char **text, char *message)
{
    struct error err = {0};
    struct text out = {0};
    enum status status = need_tokenizer(m, &err);
    text_puts(&out, "");
    if (status == OK)
        status = tokenizer_decode(m->tokenizer, ids, n, special != 0, &out, &err);
    if (status != OK)
        text_free(&out);
    *text = out.data;
    return told(status, &err, message);
}

struct capture {
    struct session session;
    float *logits; /* [n, vocab_size], or NULL */
    float *rows;   /* [heads, position + 1], or NULL */
    size_t layer, position;
};

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    struct capture *c = context;
    (void)width;
    session_logits(&c->session, c->logits + start * c->session.model->config.vocab_size, normed, rows);
}

static bool wants_row(void *context, size_t layer, size_t position)
{
    const struct capture *c = context;
    return layer == c->layer && position == c->position;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct capture *c = context;
    (void)layer;
    memcpy(c->rows + head * (position + 1), row, (position + 1) * sizeof *row);
}

static enum status run_ids(const struct difftf *m, const int32_t *ids, size_t n, struct capture *c, struct error *err)
{
    struct probe probe = {.context = c,
                          .on_final = c->logits ? on_final : NULL,
                          .wants_row = c->rows ? wants_row : NULL,
                          .on_row = c->rows ? on_row : NULL};
    enum status status = check_ids(m, ids, n, err);
    if (status == OK)
        status = session_init(&c->session, &m->model, n, m->threads, err);
    if (status != OK)
        return status;
    status = session_run(&c->session, ids, n, &probe, NULL, err);
    session_free(&c->session);
    return status;
}

int difftf_logits(const struct difftf *m, const int32_t *ids, size_t n, float *logits, char *message)
{
    struct error err = {0};
    struct capture c = {.logits = logits};
    return told(run_ids(m, ids, n, &c, &err), &err, message);
}

int difftf_attention(const struct difftf *m, const int32_t *ids, size_t n, size_t layer, size_t position, float *rows,
                     char *message)
{
    struct error err = {0};
    struct capture c = {.rows = rows, .layer = layer, .position = position};
    if (layer >= m->model.config.n_layers || position >= n) {
        error_write(&err, ERR_USAGE, "layer or position: %zu, %zu are not there, expected below %zu and %zu", layer, position,
                    m->model.config.n_layers, n);
        return told(ERR_USAGE, &err, message);
    }
    return told(run_ids(m, ids, n, &c, &err), &err, message);
}

int difftf_generate(const struct difftf *m, const int32_t *ids, size_t n, size_t most, double temperature, uint64_t seed,
                    int32_t **out, size_t *n_out, char *message)
{
    struct error err = {0};
    struct session session;
    struct ids made = {0};
    struct sampling sampling = {temperature, rng_stream(seed, "generate", 0)};
    enum status status = check_ids(m, ids, n, &err);
    if (status == OK)
        status = session_init(&session, &m->model, n + most, m->threads, &err);
    if (status == OK) {
        status = generate(&session, ids, n, most, &sampling, NULL, &made, NULL, NULL, &err);
        session_free(&session);
    }
    if (status != OK)
        ids_free(&made);
    *out = made.data;
    *n_out = made.n;
    return told(status, &err, message);
}

int difftf_run(const char *name, const char *const *arguments, size_t n, char *message)
{
    struct error err = {0};
    const struct task *task = tasks_find(name);
    char **words = calloc(n + 1, sizeof *words);
    cJSON *options = NULL;
    for (size_t i = 0; i < n; i++)
        words[i] = strdup(arguments[i]);
    enum status status = task ? OK : error_set(&err, ERR_USAGE, "%s: there is no such task, expected one of `list tasks`", name);
    if (status == OK)
        status = options_parse(&options, NULL, COMMON_OPTIONS, task->options, (int)n, words, &err);
    if (status == OK)
        status = cli_run_task(task, options, &err);
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    free(words);
    return told(status, &err, message);
}
