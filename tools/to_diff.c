/* to_diff.c - see to_diff.h. */
#include "to_diff.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/visible.h"
#include "lm/score.h"
#include "lm/tokenizer.h"
#include "model/differential.h"
#include "suite/experiment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the text, the first half is for the sizes of heads, the second for the losses. */
enum { TEXT_TOKENS = 1024 };

/* The largest difference between the logits of two models after some tokens. */
static enum status compare_logits(double *most, const struct model *a, const struct model *b, struct error *err)
{
    enum { TOKENS = 64 };
    const struct model *models[2] = {a, b};
    int32_t ids[TOKENS];
    size_t vocab = a->config.vocab_size;
    float *logits = mem_array(2 * vocab, sizeof *logits);
    enum status status = OK;
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)(hash_u64(i) % vocab);
    for (size_t m = 0; m < 2 && status == OK; m++) {
        struct session s;
        status = session_init(&s, models[m], TOKENS, 1, err);
        if (status == OK) {
            status = session_run(&s, ids, TOKENS, NULL, logits + m * vocab, err);
            session_free(&s);
        }
    }
    *most = 0;
    for (size_t i = 0; i < vocab; i++)
        *most = fmax(*most, fabs((double)logits[i] - (double)logits[vocab + i]));
    free(logits);
    return status;
}

/* What `to_diff` writes: the model's own two, then copies. */
static const char *const DIFF_FILES[] = {"model.safetensors",
                                         "config.json",
                                         "tokenizer.json",
                                         "tokenizer_config.json",
                                         "tokenizer.model",
                                         "added_tokens.json",
                                         "special_tokens_map.json",
                                         "generation_config.json",
                                         NULL};

/* One conversion. */
struct conversion {
    struct model from, to;
    struct ids ids;    /* the beginning of the text */
    char *text;        /* its path */
    float *sizes;      /* for ways that are not exact */
    double difference; /* the largest of the logits */
    double loss[2];    /* before and after, over the second half of ids */
};

/* Bytes that hold enough tokens, without a character cut in two. */
static size_t beginning(const char *text, size_t length)
{
    enum { BYTES = 16 * TEXT_TOKENS };
    size_t n = length < BYTES ? length : BYTES;
    while (n < length && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* The beginning of the text as the model's own tokens; none without a tokenizer. */
static enum status read_text(struct conversion *c, const struct to_diff *t, const char *from, struct error *err)
{
    struct tokenizer *tokenizer = NULL;
    char *text = NULL;
    size_t length = 0;
    if (!tokenizer_exists(from))
        return OK;
    c->text = t->text ? strdup(t->text) : embedded_path("data/haystack/persuasion.txt");
    enum status status = tokenizer_load(&tokenizer, from, err);
    if (status == OK)
        status = tokenizer_fits(tokenizer, c->from.config.vocab_size, from, err);
    if (status == OK)
        status = file_read(&text, &length, c->text, err);
    if (status == OK)
        status = tokenizer_encode(tokenizer, text, beginning(text, length), true, &c->ids, err);
    c->ids.n = c->ids.n < TEXT_TOKENS ? c->ids.n : TEXT_TOKENS;
    if (status == OK && c->ids.n < 8)
        status = error_set(err, ERR_INPUT, "%s: %zu tokens, expected 8 and more", c->text, c->ids.n);
    for (size_t i = 0; i < c->ids.n && status == OK; i++)
        if ((size_t)c->ids.data[i] >= c->from.config.vocab_size)
            status = error_set(err, ERR_INPUT, "%s: its tokenizer gives token %d, expected less than vocab_size = %zu", from,
                               c->ids.data[i], c->from.config.vocab_size);
    free(text);
    tokenizer_free(tokenizer);
    return status;
}

static enum status mean_loss(double *loss, const struct model *m, const int32_t *ids, size_t n, struct error *err)
{
    struct session s;
    double *nll = mem_array(n, sizeof *nll), sum = 0;
    enum status status = session_init(&s, m, n, 1, err);
    if (status == OK) {
        status = score_tokens(&s, ids, n, nll, err);
        session_free(&s);
    }
    for (size_t i = 0; i + 1 < n && status == OK; i++)
        sum += nll[i];
    *loss = sum / (double)(n - 1);
    free(nll);
    return status;
}

/* What the way needs to know of the Transformer. */
static enum status choose(struct differential_choice *choice, struct conversion *c, const struct to_diff *t, const char *from,
                          struct error *err)
{
    size_t heads = c->from.plan.n_heads, half = c->ids.n / 2;
    *choice = (struct differential_choice){.way = differential_find(t->way), .heads = t->heads, .n_heads_chosen = t->n_heads};
    for (size_t i = 0; i < t->n_heads; i++)
        if (t->heads[i] >= heads)
            return error_set(err, ERR_USAGE, "--heads: %zu, expected heads from 0 to %zu, as many as %s has", t->heads[i],
                             heads - 1, from);
    if (t->n_heads > 0 && strcmp(t->way, "dex") != 0)
        return error_set(err, ERR_USAGE, "--heads is for --to-diff dex alone, whose heads are extended one by one");
    if (differential_exact(choice->way))
        return OK;
    if (half == 0)
        return error_set(err, ERR_INPUT, "%s: has no tokenizer, expected one: '%s' needs the sizes of its heads on a text", from,
                         t->way);
    c->sizes = mem_array(c->from.config.n_layers * heads, sizeof *c->sizes);
    choice->sizes = c->sizes;
    return head_sizes(c->sizes, &c->from, c->ids.data, half, err);
}

/* A Diff Transformer in a folder, what goes with it copied beside it, and both compared. */
static enum status write_diff(struct conversion *c, const struct to_diff *t, const char *from, const char *folder,
                              struct error *err)
{
    struct differential_choice choice;
    enum status status = differential_check(&c->from, differential_find(t->way), err);
    if (status == OK)
        status = read_text(c, t, from, err);
    if (status == OK)
        status = choose(&choice, c, t, from, err);
    if (status == OK)
        status = differential_write(&c->from, &choice, folder, err);
    for (size_t i = 2; DIFF_FILES[i] != NULL && status == OK; i++) {
        char *path = path_join(from, DIFF_FILES[i]);
        if (file_exists(path))
            status = file_copy(from, folder, DIFF_FILES[i], err);
        free(path);
    }
    if (status == OK)
        status = model_load(&c->to, folder, err);
    if (status == OK)
        status = compare_logits(&c->difference, &c->from, &c->to, err);
    const struct model *models[2] = {&c->from, &c->to};
    size_t half = c->ids.n / 2;
    for (size_t m = 0; m < 2 && half > 0 && status == OK; m++)
        status = mean_loss(&c->loss[m], models[m], c->ids.data + half, c->ids.n - half, err);
    return status;
}

static void print(const struct conversion *c, const char *folder)
{
    say(stdout, "%s: %s, %zu parameters, of %zu; largest difference of the logits after 64 tokens: %g\n", folder,
        c->to.config.family->model_type, c->to.weights.n_params, c->from.weights.n_params, c->difference);
    if (c->ids.n > 0)
        say(stdout, "%s: loss %.4f, of %.4f (nats a token, tokens %zu to %zu of %s)\n", folder, c->loss[1], c->loss[0],
            c->ids.n / 2 + 1, c->ids.n, c->text);
}

enum status to_diff(const struct to_diff *t, const char *from, const char *folder, struct error *err)
{
    struct conversion c = {0};
    struct file_folder target;
    enum status status = model_load(&c.from, from, err);
    if (status != OK)
        return status;
    say(stderr, "%s", c.from.notes.data ? c.from.notes.data : "");
    status = file_folder_begin(&target, folder, DIFF_FILES, err);
    if (status == OK)
        status = file_folder_end(&target, write_diff(&c, t, from, folder, err));
    if (status == OK)
        print(&c, folder);
    model_free(&c.to);
    model_free(&c.from);
    ids_free(&c.ids);
    free(c.sizes);
    free(c.text);
    return status;
}
