/* model_commands.c - logits, tokenize, generate: looking into one model. */
#include "base/file.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "cli/commands.h"
#include "formats/json_line.h"
#include "lm/chat.h"
#include "lm/generate.h"
#include "lm/ids.h"
#include "numeric/layers.h"
#include "suite/experiment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status required(const cJSON *options, const char *name, const char **value, struct error *err)
{
    *value = option_string(options, name);
    return *value ? OK : error_set(err, ERR_USAGE, "--%s: is missing, expected a value", name);
}

/* --model, or the embedded model of a name. */
static enum status model_folder(const cJSON *options, char **folder, struct error *err)
{
    const char *given = option_string(options, "model");
    *folder = given ? strdup(given) : embedded_path("models/diff-transformer");
    return *folder ? OK : error_set(err, ERR_SYSTEM, "models: out of memory");
}

/* model_load and --compute, with what is to be known of the files on standard error. */
static enum status load(struct model *m, const char *folder, const cJSON *options, struct error *err)
{
    enum status status = model_load(m, folder, err);
    m->compute = (enum compute)option_choice(options, "compute", COMPUTE_WORDS);
    cli_print_notes(m->notes.data);
    return status;
}

#define MODEL_OPTION                                                                                                             \
    {                                                                                                                            \
        "model", OPTION_STRING, NULL, 0, 0, "DIR", "model folder (default: the embedded Diff Transformer)", false, 0             \
    }
#define THREADS_OPTION                                                                                                           \
    {                                                                                                                            \
        "threads", OPTION_INT, "0", 0, 256, "N", "threads, 0: all processors", true, 0                                           \
    }

#define COMPUTE_OPTION                                                                                                           \
    {                                                                                                                            \
        "compute", OPTION_CHOICE, "f32", 0, 0, COMPUTE_WORDS, "what the numbers of matrix products are rounded to", false, 0     \
    }

/* logits */

static const struct option_spec LOGITS_OPTIONS[] = {
    MODEL_OPTION,
    {"ids", OPTION_STRING, NULL, 0, 0, "FILE", "JSON array of token ids", false, 0},
    {"out", OPTION_STRING, NULL, 0, 0, "FILE", "safetensors file to write", false, 0},
    {"hidden", OPTION_FLAG, NULL, 0, 0, NULL, "also the residual stream after each layer", false, 0},
    {"attention", OPTION_INT, NULL, 0, 4095, "LAYER", "also the effective attention map of each head of a layer", false, 0},
    COMPUTE_OPTION,
    THREADS_OPTION,
    OPTIONS_END,
};

/* Where the probe of `logits` puts what it sees. */
struct capture {
    const struct model *model;
    const struct session *session;
    const int32_t *ids;
    size_t n, layer;
    float *logits, *nll, *hidden, *attention;
    double *loss;
    float *work;
};

static bool wants_row(void *context, size_t layer, size_t position)
{
    (void)position;
    return layer == ((struct capture *)context)->layer;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    struct capture *c = context;
    (void)layer;
    memcpy(c->attention + (head * c->n + position) * c->n, row, (position + 1) * sizeof *row);
}

static void on_hidden(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width)
{
    struct capture *c = context;
    memcpy(c->hidden + (layer * c->n + start) * width, hidden, rows * width * sizeof *hidden);
}

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    struct capture *c = context;
    size_t vocab = c->model->config.vocab_size, predicted = start + rows < c->n ? rows : rows - 1;
    session_logits(c->session, c->logits + start * vocab, normed, rows);
    if (predicted > 0)
        cross_entropy(c->loss, NULL, NULL, normed, &c->model->weights.lm_head, c->ids + start + 1, predicted, width, vocab, 0,
                      c->work, c->model->compute, 1);
    for (size_t i = 0; i < predicted; i++)
        c->nll[start + i] = (float)c->loss[i];
}

static enum status write_capture(const struct capture *c, const char *path, struct error *err)
{
    const struct config *cfg = &c->model->config;
    struct tensor_out *out = calloc(cfg->n_layers + 3, sizeof *out);
    char(*names)[32] = calloc(cfg->n_layers + 1, sizeof *names);
    size_t n = 0;
    if (out == NULL || names == NULL) {
        free(out);
        free(names);
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    }
    out[n++] = (struct tensor_out){.name = "logits", .n_dims = 2, .shape = {c->n, cfg->vocab_size}, .data = c->logits};
    out[n++] = (struct tensor_out){.name = "nll", .n_dims = 1, .shape = {c->n - 1}, .data = c->nll};
    for (size_t l = 0; c->hidden != NULL && l < cfg->n_layers; l++) {
        snprintf(names[l], sizeof names[l], "hidden.%zu", l);
        out[n++] = (struct tensor_out){
            .name = names[l], .n_dims = 2, .shape = {c->n, cfg->d_model}, .data = c->hidden + l * c->n * cfg->d_model};
    }
    if (c->attention != NULL) {
        snprintf(names[cfg->n_layers], sizeof names[0], "attention.%zu", c->layer);
        out[n++] = (struct tensor_out){
            .name = names[cfg->n_layers], .n_dims = 3, .shape = {c->model->plan.n_heads, c->n, c->n}, .data = c->attention};
    }
    enum status status = safetensors_write(path, out, n, err);
    free(out);
    free(names);
    return status;
}

static enum status capture_all(struct capture *c, struct session *s, bool hidden, bool attention, const char *out,
                               struct error *err)
{
    const struct config *cfg = &c->model->config;
    size_t block = SESSION_BLOCK;
    c->logits = mem_array(c->n, cfg->vocab_size * sizeof(float));
    c->nll = mem_array(c->n, sizeof(float));
    c->loss = mem_array(block, sizeof(double));
    c->work = mem_array(cross_entropy_work(block, cfg->vocab_size), sizeof(float));
    c->hidden = hidden ? mem_array(c->n * cfg->n_layers, cfg->d_model * sizeof(float)) : NULL;
    c->attention = attention ? mem_array(c->n * c->n, c->model->plan.n_heads * sizeof(float)) : NULL;
    struct probe probe = {.context = c,
                          .wants_row = attention ? wants_row : NULL,
                          .on_row = on_row,
                          .on_hidden = hidden ? on_hidden : NULL,
                          .on_final = on_final};
    enum status status = OK;
    if (!c->logits || !c->nll || !c->loss || !c->work || (hidden && !c->hidden) || (attention && !c->attention))
        status = error_set(err, ERR_SYSTEM, "logits: out of memory for %zu tokens", c->n);
    if (status == OK)
        status = session_run(s, c->ids, c->n, &probe, NULL, err);
    size_t bad = status == OK ? find_not_finite(c->logits, c->n * cfg->vocab_size) / cfg->vocab_size : c->n;
    if (bad < c->n)
        status = session_not_finite(s, "logits", bad, err);
    if (status == OK)
        status = write_capture(c, out, err);
    free(c->logits);
    free(c->nll);
    free(c->loss);
    free(c->work);
    free(c->hidden);
    free(c->attention);
    return status;
}

static enum status logits(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct model m = {0};
    struct session s = {0};
    char *folder = NULL;
    const char *ids_path = NULL, *out = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    (void)arguments;
    enum status status = required(options, "ids", &ids_path, err);
    if (status == OK)
        status = required(options, "out", &out, err);
    if (status == OK)
        status = model_folder(options, &folder, err);
    if (status == OK)
        status = load(&m, folder, options, err);
    if (status == OK)
        status = ids_read(&ids, &n, ids_path, m.config.vocab_size, 1, err);
    bool attention = json_has(options, "attention");
    size_t layer = attention ? option_size(options, "attention") : 0;
    if (status == OK && layer >= m.config.n_layers)
        status = error_set(err, ERR_USAGE, "--attention: layer %zu is not in the model, expected 0 to %zu", layer,
                           m.config.n_layers - 1);
    if (status == OK)
        status = session_init(&s, &m, n, cli_threads(options), err);
    if (status == OK) {
        struct capture c = {.model = &m, .session = &s, .ids = ids, .n = n, .layer = layer};
        s.stop = &stop_signal;
        status = capture_all(&c, &s, option_flag(options, "hidden"), attention, out, err);
        session_free(&s);
    }
    free(ids);
    free(folder);
    if (m.folder != NULL)
        model_free(&m);
    return status;
}

const struct command COMMAND_LOGITS = {"logits", NULL, "logits, losses, hidden states and attention maps of given tokens",
                                       LOGITS_OPTIONS, logits};

/* tokenize */

static const struct option_spec TOKENIZE_OPTIONS[] = {
    MODEL_OPTION,
    {"decode", OPTION_FLAG, NULL, 0, 0, NULL, "the other way: an array of ids a line in, a JSON string a line out", false, 0},
    {"special", OPTION_FLAG, NULL, 0, 0, NULL, "with the special tokens that stand around a text", false, 0},
    {"chat", OPTION_FLAG, NULL, 0, 0, NULL,
     "a line in is an array of messages, [{\"role\": \"user\", \"content\": ..}, ..], for the chat template", false, 0},
    OPTIONS_END,
};

/* printf takes longer than tokenizing does. */
static void add_id(struct text *out, int32_t id, bool comma)
{
    char digits[16], *p = digits + sizeof digits;
    do
        *--p = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    if (comma)
        *--p = ',';
    text_add(out, p, (size_t)(digits + sizeof digits - p));
}

static enum status encode_line(const struct tokenizer *t, const char *name, const char *line, size_t length, bool special,
                               struct text *out, struct error *err)
{
    struct text text = {0};
    struct ids ids = {0};
    enum status status = json_line_read(&text, name, line, length, err);
    if (status == OK)
        status = tokenizer_encode(t, text.data, text.len, special, &ids, err);
    text_puts(out, "[");
    for (size_t i = 0; i < ids.n; i++)
        add_id(out, ids.data[i], i > 0);
    text_puts(out, "]");
    text_free(&text);
    ids_free(&ids);
    return status;
}

/* Messages up to where the assistant begins to speak. */
static enum status encode_messages(const struct tokenizer *t, const struct chat_template *template, const char *name,
                                   const char *line, size_t length, struct text *out, struct error *err)
{
    cJSON *messages = NULL;
    struct text text = {0}, quoted = {0};
    enum status status = json_parse(&messages, name, line, length, err);
    if (status == OK && !cJSON_IsArray(messages))
        status = error_set(err, ERR_INPUT, "%s: is no array, expected messages, [{\"role\": .., \"content\": ..}, ..]", name);
    if (status == OK)
        status = chat_template_render(template, &(struct chat_request){.messages = messages, .reply = true}, &text, err);
    json_line_write(&quoted, text.data ? text.data : "", text.len);
    if (status == OK)
        status = encode_line(t, name, quoted.data, quoted.len, false, out, err);
    cJSON_Delete(messages);
    text_free(&text);
    text_free(&quoted);
    return status;
}

/* Every token gives its text, added ones too: what encoding read comes back. */
static enum status decode_line(const struct tokenizer *t, const char *name, const char *line, size_t length, struct text *out,
                               struct error *err)
{
    struct text text = {0};
    struct ids ids = {0};
    cJSON *root = NULL, *item;
    enum status status = json_parse(&root, name, line, length, err);
    if (status == OK && !cJSON_IsArray(root))
        status = error_set(err, ERR_INPUT, "%s: is no array, expected one JSON array of ids a line", name);
    cJSON_ArrayForEach(item, root)
    {
        int32_t id = item->valueint;
        if (status == OK && (!cJSON_IsNumber(item) || id < 0 || (size_t)id >= tokenizer_size(t)))
            status = error_set(err, ERR_INPUT, "%s: holds no token id of this tokenizer, expected 0 to %zu", name,
                               tokenizer_size(t) - 1);
        if (status == OK && !ids_add(&ids, id))
            status = error_set(err, ERR_SYSTEM, "%s: out of memory", name);
    }
    if (status == OK)
        status = tokenizer_decode(t, ids.data, ids.n, true, &text, err);
    ids_free(&ids);
    json_line_write(out, text.data ? text.data : "", text.len);
    cJSON_Delete(root);
    text_free(&text);
    return status;
}

static enum status tokenize(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct tokenizer *t = NULL;
    struct chat_template *template = NULL;
    char *folder = NULL, *line = NULL, name[48];
    size_t capacity = 0, number = 0;
    bool decode = option_flag(options, "decode"), special = option_flag(options, "special");
    (void)arguments;
    enum status status = model_folder(options, &folder, err);
    if (status == OK)
        status = tokenizer_load(&t, folder, err);
    if (status == OK && option_flag(options, "chat"))
        status = chat_template_load(&template, folder, err);
    for (ssize_t n; status == OK && (n = getline(&line, &capacity, stdin)) > 0;) {
        struct text out = {0};
        size_t length = (size_t)n - (line[n - 1] == '\n');
        snprintf(name, sizeof name, "standard input line %zu", ++number);
        status = template ? encode_messages(t, template, name, line, length, &out, err)
                 : decode ? decode_line(t, name, line, length, &out, err)
                          : encode_line(t, name, line, length, special, &out, err);
        if (status == OK && (puts(out.data ? out.data : "") < 0))
            status = error_set(err, ERR_SYSTEM, "standard output: cannot be written");
        text_free(&out);
    }
    if (status == OK && !feof(stdin)) /* or the line finds no memory */
        status = error_set(err, ERR_SYSTEM, "standard input: cannot be read: %s", strerror(errno));
    free(line);
    free(folder);
    tokenizer_free(t);
    chat_template_free(template);
    return status;
}

const struct command COMMAND_TOKENIZE = {"tokenize", NULL, "a JSON string a line in, an array of token ids a line out",
                                         TOKENIZE_OPTIONS, tokenize};

/* generate */

static const struct option_spec GENERATE_OPTIONS[] = {
    MODEL_OPTION,
    {"prompt", OPTION_STRING, NULL, 0, 0, "TEXT", "what to continue", false, 0},
    {"chat", OPTION_FLAG, NULL, 0, 0, NULL, "the prompt is a message of the user, in the model's chat template", false, 0},
    {"system", OPTION_STRING, NULL, 0, 0, "TEXT", "chat: the system message before it", false, 0},
    {"tokens", OPTION_INT, "100", 1, 1048576, "N", "at most so many new tokens", false, 0},
    {"temperature", OPTION_NUMBER, "0", 0, 100, "T", "0: always the most probable token", false, 0},
    {"seed", OPTION_INT, "1", 0, 2147483647, "N", "of the sampling", false, 0},
    COMPUTE_OPTION,
    THREADS_OPTION,
    OPTIONS_END,
};

/* What is generated, to a file as it is, to a terminal as it may have it: then a character waits for its last byte. */
struct printer {
    const struct tokenizer *tokenizer;
    struct text waiting;
    bool terminal;
};

static bool print_token(void *context, int32_t id)
{
    struct printer *p = context;
    size_t length, whole;
    const char *piece = tokenizer_piece(p->tokenizer, id, &length);
    if (!p->terminal) {
        fwrite(piece, 1, length, stdout);
    } else {
        text_add(&p->waiting, piece, length);
        whole = p->waiting.len;
        while (p->waiting.len - whole < 3 && !utf8_valid(p->waiting.data, whole))
            whole--; /* never below zero: nothing is valid */
        whole = utf8_valid(p->waiting.data, whole) ? whole : p->waiting.len;
        say(stdout, "%.*s", (int)whole, p->waiting.data);
        p->waiting.len -= whole;
        memmove(p->waiting.data, p->waiting.data + whole, p->waiting.len + 1);
    }
    fflush(stdout);
    return true;
}

/* The text that is continued, as it is shown and as tokens: with --chat the messages in the model's template. */
static enum status encode_prompt(const cJSON *options, const struct tokenizer *t, const char *folder, const char *text,
                                 struct text *whole, struct ids *ids, struct error *err)
{
    const char *system = option_string(options, "system");
    bool chat = option_flag(options, "chat");
    struct chat_template *template = NULL;
    enum status status = chat ? chat_template_load(&template, folder, err) : OK;
    if (status == OK && !chat && system != NULL)
        status = error_set(err, ERR_USAGE, "--system: there are no messages, expected --chat");
    text_puts(whole, chat ? "" : text);
    if (status == OK && chat) {
        cJSON *messages = chat_messages(system, text);
        status = chat_template_render(template, &(struct chat_request){.messages = messages, .reply = true}, whole, err);
        cJSON_Delete(messages);
    }
    chat_template_free(template);
    return status == OK ? tokenizer_encode(t, whole->data, whole->len, !chat, ids, err) : status;
}

static enum status generate_text(const cJSON *options, const cJSON *arguments, struct error *err)
{
    struct model m = {0};
    struct tokenizer *t = NULL;
    struct session s = {0};
    struct ids prompt = {0}, out = {0};
    struct text whole = {0};
    char *folder = NULL;
    const char *text = NULL;
    (void)arguments;
    enum status status = required(options, "prompt", &text, err);
    if (status == OK)
        status = model_folder(options, &folder, err);
    if (status == OK)
        status = load(&m, folder, options, err);
    if (status == OK)
        status = tokenizer_load(&t, folder, err);
    if (status == OK)
        status = tokenizer_fits(t, m.config.vocab_size, folder, err);
    if (status == OK)
        status = encode_prompt(options, t, folder, text, &whole, &prompt, err);
    if (status == OK && prompt.n == 0)
        status = error_set(err, ERR_USAGE, "--prompt: is empty, expected text to continue");
    size_t tokens = option_size(options, "tokens");
    if (status == OK)
        status = session_init(&s, &m, prompt.n + tokens, cli_threads(options), err);
    if (status == OK) {
        struct sampling sampling = {option_number(options, "temperature"),
                                    rng_stream((uint64_t)option_number(options, "seed"), "generate", 0)};
        s.stop = &stop_signal;
        struct printer printer = {.tokenizer = t, .terminal = isatty(STDOUT_FILENO)};
        say(stdout, "%s", whole.data);
        status = generate(&s, prompt.data, prompt.n, tokens, &sampling, NULL, &out, print_token, &printer, err);
        text_free(&printer.waiting);
        putchar('\n');
        session_free(&s);
    }
    ids_free(&prompt);
    ids_free(&out);
    text_free(&whole);
    free(folder);
    tokenizer_free(t);
    if (m.folder != NULL)
        model_free(&m);
    return status;
}

const struct command COMMAND_GENERATE = {"generate", NULL, "continues a text", GENERATE_OPTIONS, generate_text};
