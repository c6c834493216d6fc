/* request.c - see request.h. */
#include "serve/request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool refuse(struct refusal *r, unsigned http, const char *param, const char *format, ...)
{
    struct text message = {0};
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    *r = (struct refusal){.http = http, .param = param};
    error_write(&r->error, ERR_INPUT, "%s", message.data);
    text_free(&message);
    return false;
}

/* cJSON ends a string at an escaped NUL: what comes after it would be lost without a word. */
static bool has_nul(const char *body, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (body[i] == '\0')
            return true;
        if (body[i] == '\\' && i + 1 < length && body[++i] == 'u' && length - i > 4 && memcmp(body + i + 1, "0000", 4) == 0)
            return true;
    }
    return false;
}

bool request_json(cJSON **root, const char *body, size_t length, struct refusal *r)
{
    *root = NULL;
    if (has_nul(body, length))
        return refuse(r, 400, NULL, "body: holds a NUL character, expected JSON without (token ids can say what it stands for)");
    struct error err;
    if (json_parse(root, "body", body, length, &err) != OK)
        return refuse(r, 400, NULL, "%s", err.message);
    if (!cJSON_IsObject(*root))
        return refuse(r, 400, NULL, "body: is no object, expected {\"model\": .., ..}");
    return true;
}

bool request_model(const struct served **served, const struct served_list *list, const char *name, struct refusal *r)
{
    *served = served_find(list, name);
    return *served != NULL ||
           refuse(r, 404, "model", "The model '%.100s' does not exist, expected one that /v1/models lists", name);
}

bool request_ids(struct ids *ids, const cJSON *array, const struct served *served, const char *param, struct refusal *r)
{
    const cJSON *item;
    size_t vocab = served->model.config.vocab_size;
    cJSON_ArrayForEach(item, array)
    {
        double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(id >= 0 && id < (double)vocab && id == (double)(int32_t)id))
            return refuse(r, 400, param, "%s: holds no token id of the model, expected integers from 0 to %zu", param, vocab - 1);
        ids_add(ids, (int32_t)id);
    }
    return true;
}

/* Text or an array of ids. */
static bool read_prompt(struct prompt *p, const cJSON *value, const struct served *served, struct refusal *r)
{
    struct error err;
    int32_t bos = served->model.config.bos;
    if (cJSON_IsString(value)) {
        p->text = strdup(value->valuestring);
        if (tokenizer_encode(served->tokenizer, p->text, strlen(p->text), true, &p->ids, &err) != OK)
            return refuse(r, 400, "prompt", "prompt: %s", err.message);
    } else if (!cJSON_IsArray(value)) {
        return refuse(r, 400, "prompt",
                      "prompt: is of the wrong kind, expected text, an array of token ids, or an array of either");
    } else if (!request_ids(&p->ids, value, served, "prompt", r)) {
        return false;
    }
    if (p->ids.n == 0 && bos >= 0)
        ids_add(&p->ids, bos);
    return true;
}

/* Is it one that the model can read, with room for what is asked? */
static bool check_prompt(struct completion *c, const struct prompt *p, struct refusal *r)
{
    size_t context = c->served->context, vocab = c->served->model.config.vocab_size;
    for (size_t i = 0; i < p->ids.n; i++)
        if ((size_t)p->ids.data[i] >= vocab)
            return refuse(r, 400, "prompt", "prompt: has the added token %d, which the model has no row for",
                          (int)p->ids.data[i]);
    if (p->ids.n == 0)
        return refuse(r, 400, "prompt", "prompt: is empty, expected at least one token");
    if (c->max_tokens == SIZE_MAX)
        c->max_tokens = p->ids.n < context ? context - p->ids.n : 1;
    if (p->ids.n + (c->max_tokens > 0 ? c->max_tokens - 1 : 0) <= context) /* the last new token is not read */
        return true;
    return refuse(r, 400, "prompt",
                  "This model's maximum context length is %zu tokens. However, you requested %zu tokens (%zu in the prompt, "
                  "%zu for the completion)",
                  context, p->ids.n + c->max_tokens, p->ids.n, c->max_tokens);
}

static bool read_prompts(struct completion *c, const cJSON *prompt, const struct bounds *bounds, struct refusal *r)
{
    bool list = cJSON_IsArray(prompt) && prompt->child != NULL && !cJSON_IsNumber(prompt->child);
    size_t n = list ? (size_t)cJSON_GetArraySize(prompt) : 1;
    if (prompt == NULL)
        return refuse(r, 400, "prompt", "prompt: is missing, expected text or token ids");
    if (n > bounds->sequences || n * c->n > bounds->sequences)
        return refuse(r, 400, "prompt", "prompt: %zu prompts times n %zu are too many, expected at most %zu (--max-batch)", n,
                      c->n, bounds->sequences);
    c->prompts = calloc(n, sizeof *c->prompts);
    for (const cJSON *p = list ? prompt->child : prompt; c->n_prompts < n; p = p->next) {
        struct prompt *to = &c->prompts[c->n_prompts++];
        if (!read_prompt(to, p, c->served, r) || !check_prompt(c, to, r))
            return false;
    }
    return true;
}

/* The prompt that the model's template makes of `messages`. */
static bool read_messages(struct completion *c, const cJSON *root, const struct bounds *bounds, struct refusal *r)
{
    const struct served *s = c->served;
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(root, "chat_template_kwargs");
    struct chat_request request = {.messages = cJSON_GetObjectItemCaseSensitive(root, "messages"), .reply = true, .more = more};
    struct text text = {0};
    struct error err;
    if (s->chat == NULL)
        return refuse(r, 400, "messages", "The model '%s' cannot chat: %s", s->name, s->no_chat);
    if (!cJSON_IsArray(request.messages))
        return refuse(r, 400, "messages", "messages: is missing, expected [{\"role\": .., \"content\": ..}, ..]");
    if (c->n > bounds->sequences)
        return refuse(r, 400, "n", "n: %zu is too much, expected at most %zu (--max-batch)", c->n, bounds->sequences);
    c->prompts = calloc(1, sizeof *c->prompts);
    c->n_prompts = 1;
    text_puts(&text, "");
    bool good = chat_template_render(s->chat, &request, &text, &err) == OK &&
                tokenizer_encode(s->tokenizer, text.data, text.len, false, &c->prompts->ids, &err) == OK;
    text_free(&text);
    if (!good)
        return refuse(r, 400, "messages", "%s", err.message);
    return check_prompt(c, c->prompts, r);
}

/* A string, or an array of up to 16. */
static bool read_stop(struct completion *c, const cJSON *stop, struct refusal *r)
{
    enum { MOST = 16 };
    if (stop == NULL || cJSON_IsNull(stop))
        return true;
    const cJSON *item = cJSON_IsArray(stop) ? stop->child : stop;
    c->stop = calloc(MOST, sizeof *c->stop);
    for (; item != NULL; item = cJSON_IsArray(stop) ? item->next : NULL) {
        if (!cJSON_IsString(item) || c->n_stop == MOST)
            return refuse(r, 400, "stop", "stop: is wrong, expected a text or an array of up to %d", (int)MOST);
        if (item->valuestring[0] != '\0')
            c->stop[c->n_stop++] = strdup(item->valuestring);
    }
    return true;
}

/* Keys that would change the answer and are not known here: refused but for the value at which they change nothing. */
static bool check_others(const cJSON *root, struct refusal *r)
{
    static const struct {
        const char *key;
        double neutral, other;
    } keys[] = {{"presence_penalty", 0, 0},   {"frequency_penalty", 0, 0}, {"best_of", 1, 1},   {"top_k", 0, -1}, {"min_p", 0, 0},
                {"repetition_penalty", 1, 1}, {"length_penalty", 1, 1},    {"min_tokens", 0, 0}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, keys[i].key);
        bool neutral = value == NULL || cJSON_IsNull(value) ||
                       (cJSON_IsNumber(value) && (value->valuedouble == keys[i].neutral || value->valuedouble == keys[i].other));
        if (!neutral)
            return refuse(r, 400, keys[i].key, "%s: is not supported, expected none", keys[i].key);
    }
    static const char *const objects[] = {"suffix", "logit_bias", "response_format", "guided_json"};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, objects[i]);
        if (value != NULL && !cJSON_IsNull(value) && value->child == NULL && !(cJSON_IsObject(value) || cJSON_IsArray(value)))
            return refuse(r, 400, objects[i], "%s: is not supported, expected none", objects[i]);
        if (value != NULL && value->child != NULL)
            return refuse(r, 400, objects[i], "%s: is not supported, expected none", objects[i]);
    }
    return true;
}

static uint64_t any_seed(void)
{
    uint64_t seed = 0;
    return getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed ? seed : 0;
}

/* `logprobs` is a number; of messages it is true or false, and the number stands in `top_logprobs`. */
static bool read_logprobs(struct completion *c, const cJSON *root, struct refusal *r)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, "logprobs");
    if (c->chat && cJSON_IsTrue(value) && json_has(root, "top_logprobs"))
        value = cJSON_GetObjectItemCaseSensitive(root, "top_logprobs");
    else if (c->chat && cJSON_IsTrue(value)) {
        c->logprobs = true;
        return true;
    }
    if (value == NULL || cJSON_IsNull(value) || cJSON_IsFalse(value))
        return true;
    c->logprobs = true;
    double top = cJSON_IsNumber(value) ? value->valuedouble : cJSON_IsTrue(value) ? 1 : -1;
    c->top = top >= 0 && top <= MOST_TOP ? (size_t)top : 0;
    return (double)c->top == top ||
           refuse(r, 400, "logprobs", "logprobs: is wrong, expected an integer from 0 to %d", (int)MOST_TOP);
}

bool completion_read(struct completion *c, const cJSON *root, bool chat, const struct served_list *list,
                     const struct bounds *bounds, struct refusal *r)
{
    static const char name[] = "body";
    struct error err;
    const char *model = NULL;
    int64_t max_tokens = 16, n = 1, seed = -1;
    *c = (struct completion){.temperature = 1, .top_p = 1, .chat = chat};
    if (json_get_string(root, "model", true, &model, name, &err) != OK)
        return refuse(r, 400, "model", "%s", err.message);
    if (!request_model(&c->served, list, model, r))
        return false;
    bool good = json_get_int(root, "max_tokens", 0, INT32_MAX, true, &max_tokens, name, &err) == OK &&
                json_get_int(root, "max_completion_tokens", 0, INT32_MAX, true, &max_tokens, name, &err) == OK &&
                json_get_int(root, "n", 1, 1024, true, &n, name, &err) == OK &&
                json_get_int(root, "seed", INT64_MIN / 2048, INT64_MAX / 2048, true, &seed, name, &err) == OK &&
                json_get_double(root, "temperature", 0, 100, true, &c->temperature, name, &err) == OK &&
                json_get_double(root, "top_p", 0, 1, true, &c->top_p, name, &err) == OK &&
                json_get_bool(root, "echo", true, &c->echo, name, &err) == OK &&
                json_get_bool(root, "stream", true, &c->stream, name, &err) == OK;
    if (!good)
        return refuse(r, 400, NULL, "%s", err.message);
    c->max_tokens = (size_t)max_tokens;
    if (chat && !json_has(root, "max_tokens") && !json_has(root, "max_completion_tokens"))
        c->max_tokens = SIZE_MAX; /* as many as there is room for */
    c->n = (size_t)n;
    c->seed = json_has(root, "seed") ? (uint64_t)seed : any_seed();
    if (watch_request_read(&c->watch, cJSON_GetObjectItemCaseSensitive(root, "probe"), &err) != OK)
        return refuse(r, 400, "probe", "%s", err.message);
    if (c->stream && watch_request_any(&c->watch))
        return refuse(r, 400, "probe", "probe: cannot be had of a stream, expected \"stream\": false");
    c->usage = cJSON_IsTrue(json_path(root, "stream_options.include_usage"));
    return check_others(root, r) && read_logprobs(c, root, r) &&
           read_stop(c, cJSON_GetObjectItemCaseSensitive(root, "stop"), r) &&
           (chat ? read_messages(c, root, bounds, r)
                 : read_prompts(c, cJSON_GetObjectItemCaseSensitive(root, "prompt"), bounds, r));
}

void completion_free(struct completion *c)
{
    for (size_t i = 0; i < c->n_prompts; i++) {
        free(c->prompts[i].text);
        ids_free(&c->prompts[i].ids);
    }
    for (size_t i = 0; i < c->n_stop; i++)
        free(c->stop[i]);
    free(c->prompts);
    free(c->stop);
    watch_request_free(&c->watch);
    *c = (struct completion){0};
}
