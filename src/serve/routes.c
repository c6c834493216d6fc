/* routes.c - what stands behind each address; see routes.h. */
#include "serve/routes.h"

#include "base/clock.h"
#include "formats/json_line.h"
#include "serve/answer.h"

#include <stdlib.h>
#include <string.h>

static unsigned refused(struct text *out, const struct refusal *r)
{
    answer_refusal(out, r);
    return r->http;
}

static unsigned print(struct text *out, cJSON *root)
{
    char *text = cJSON_PrintUnformatted(root);
    text_puts(out, text);
    cJSON_free(text);
    cJSON_Delete(root);
    return 200;
}

static unsigned health(struct exchange *x, const cJSON *root, struct text *out)
{
    (void)x;
    (void)root;
    text_puts(out, "{\"status\":\"ok\"}");
    return 200;
}

static unsigned models(struct exchange *x, const cJSON *root, struct text *out)
{
    const struct served_list *list = x->server->models;
    cJSON *answer = cJSON_CreateObject(), *data;
    (void)root;
    cJSON_AddStringToObject(answer, "object", "list");
    data = cJSON_AddArrayToObject(answer, "data");
    for (size_t i = 0; i < list->n; i++) {
        const struct served *s = &list->model[i];
        cJSON *model = cJSON_CreateObject();
        cJSON_AddStringToObject(model, "id", s->name);
        cJSON_AddStringToObject(model, "object", "model");
        cJSON_AddNumberToObject(model, "created", (double)x->server->started);
        cJSON_AddStringToObject(model, "owned_by", "difftf-eval");
        cJSON_AddStringToObject(model, "family", s->model.config.family->model_type);
        cJSON_AddNumberToObject(model, "max_model_len", (double)s->context);
        cJSON_AddNumberToObject(model, "vocab_size", (double)s->model.config.vocab_size);
        cJSON_AddItemToArray(data, model);
    }
    return print(out, answer);
}

static unsigned complete(struct exchange *x, const cJSON *root, bool chat, struct text *out)
{
    struct completion asked;
    struct refusal r = {0};
    if (!completion_read(&asked, root, chat, x->server->models, &x->server->settings->bounds, &r)) {
        completion_free(&asked);
        return refused(out, &r);
    }
    x->job = job_new(&asked);
    return 0;
}

static unsigned completions(struct exchange *x, const cJSON *root, struct text *out)
{
    return complete(x, root, false, out);
}

static unsigned chat_completions(struct exchange *x, const cJSON *root, struct text *out)
{
    return complete(x, root, true, out);
}

/* {prompt, add_special_tokens} -> {tokens, count, max_model_len} */
static unsigned tokenize(struct exchange *x, const cJSON *root, struct text *out)
{
    const struct served *s;
    struct refusal r = {0};
    struct error err;
    struct ids ids = {0};
    const char *text = NULL;
    bool special = true, good = request_model(&s, x->server->models, json_text(root, "model"), &r);
    if (good && (json_get_string(root, "prompt", false, &text, "body", &err) != OK ||
                 json_get_bool(root, "add_special_tokens", true, &special, "body", &err) != OK ||
                 tokenizer_encode(s->tokenizer, text, strlen(text), special, &ids, &err) != OK))
        good = refuse(&r, 400, "prompt", "%s", err.message);
    if (good) {
        text_printf(out, "{\"count\":%zu,\"max_model_len\":%zu,\"tokens\":[", ids.n, s->context);
        for (size_t i = 0; i < ids.n; i++)
            text_printf(out, i > 0 ? ",%d" : "%d", (int)ids.data[i]);
        text_puts(out, "]}");
    }
    ids_free(&ids);
    return good ? 200 : refused(out, &r);
}

/* {tokens} -> {prompt} */
static unsigned detokenize(struct exchange *x, const cJSON *root, struct text *out)
{
    const struct served *s;
    struct refusal r = {0};
    struct ids ids = {0};
    struct text text = {0};
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(root, "tokens");
    bool good = request_model(&s, x->server->models, json_text(root, "model"), &r);
    if (good && !cJSON_IsArray(tokens))
        good = refuse(&r, 400, "tokens", "tokens: is missing, expected an array of token ids");
    good = good && request_ids(&ids, tokens, s, "tokens", &r);
    if (good) {
        text_puts(&text, "");
        tokenizer_decode(s->tokenizer, ids.data, ids.n, true, &text, NULL);
        text_puts(out, "{\"prompt\":");
        json_line_write(out, text.data, text.len);
        text_puts(out, "}");
    }
    ids_free(&ids);
    text_free(&text);
    return good ? 200 : refused(out, &r);
}

static void add_token_name(cJSON *to, const char *key, const struct served *s, int32_t id)
{
    struct text text = {0};
    if (id < 0) {
        cJSON_AddNullToObject(to, key);
        return;
    }
    text_puts(&text, "");
    served_piece(s, id, true, &text);
    cJSON_AddStringToObject(to, key, text.data);
    text_free(&text);
}

/* Of ?model=NAME, or of the first. */
static unsigned tokenizer_info(struct exchange *x, const cJSON *root, struct text *out)
{
    const struct served *s;
    struct refusal r = {0};
    const char *name = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, "model");
    (void)root;
    if (!request_model(&s, x->server->models, name, &r))
        return refused(out, &r);
    cJSON *answer = cJSON_CreateObject();
    const struct config *c = &s->model.config;
    int32_t bos = tokenizer_bos(s->tokenizer);
    cJSON_AddStringToObject(answer, "model", s->name);
    cJSON_AddStringToObject(answer, "sha256", tokenizer_sha256(s->tokenizer));
    cJSON_AddNumberToObject(answer, "vocab_size", (double)tokenizer_size(s->tokenizer));
    cJSON_AddNumberToObject(answer, "model_max_length", (double)s->context);
    add_token_name(answer, "bos_token", s, bos >= 0 ? bos : c->bos);
    add_token_name(answer, "eos_token", s, c->n_eos > 0 ? c->eos[0] : -1);
    cJSON_AddNullToObject(answer, "pad_token");
    cJSON_AddNullToObject(answer, "chat_template");
    return print(out, answer);
}

static unsigned metrics(struct exchange *x, const cJSON *root, struct text *out)
{
    struct scheduler *s = &x->server->scheduler;
    (void)root;
    pthread_mutex_lock(&s->lock);
    struct counts c = s->counts;
    pthread_mutex_unlock(&s->lock);
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {{"requests_total", "counter", "Completions that were asked for.", (double)c.requests},
                {"failed_total", "counter", "Completions that failed or were given up.", (double)c.failed},
                {"abandoned_total", "counter", "Completions whose client went away.", (double)c.abandoned},
                {"prompt_tokens_total", "counter", "Tokens of prompts.", (double)c.prompt_tokens},
                {"shared_tokens_total", "counter", "Tokens of prompts that were there already.", (double)c.shared_tokens},
                {"generated_tokens_total", "counter", "Tokens that were generated.", (double)c.generated_tokens},
                {"steps_total", "counter", "Steps of the scheduler.", (double)c.steps},
                {"compute_seconds_total", "counter", "Seconds spent computing.", c.seconds},
                {"uptime_seconds", "gauge", "Seconds since the start.", clock_seconds() - x->server->began},
                {"requests_in_hand", "gauge", "Completions that wait or run.", (double)c.waiting},
                {"sequences_running", "gauge", "Sequences that run side by side.", (double)c.running}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        text_printf(out, "# HELP difftf_%s %s\n# TYPE difftf_%s %s\ndifftf_%s %.15g\n", rows[i].name, rows[i].help, rows[i].name,
                    rows[i].type, rows[i].name, rows[i].value);
    return 200;
}

#define JSON_TYPE "application/json"
static const struct route ROUTES[] = {
    {"GET", "/health", JSON_TYPE, true, health},
    {"GET", "/v1/models", JSON_TYPE, false, models},
    {"POST", "/v1/completions", JSON_TYPE, false, completions},
    {"POST", "/v1/chat/completions", JSON_TYPE, false, chat_completions},
    {"POST", "/tokenize", JSON_TYPE, false, tokenize},
    {"POST", "/detokenize", JSON_TYPE, false, detokenize},
    {"GET", "/tokenizer_info", JSON_TYPE, false, tokenizer_info},
    {"GET", "/metrics", "text/plain; version=0.0.4", false, metrics},
};

const struct route *route_find(const char *method, const char *path, bool *known)
{
    *known = false;
    for (size_t i = 0; i < sizeof ROUTES / sizeof *ROUTES; i++)
        if (strcmp(ROUTES[i].path, path) == 0) {
            bool read = strcmp(method, "HEAD") == 0 && strcmp(ROUTES[i].method, "GET") == 0;
            if (read || strcmp(ROUTES[i].method, method) == 0)
                return &ROUTES[i];
            *known = true;
        }
    return NULL;
}
