/* answer.c - see answer.h. */
#include "serve/answer.h"

#include "base/utf8.h"
#include "formats/json_line.h"

#include <math.h>
#include <string.h>

static void add_number(struct text *out, double value)
{
    if (isfinite(value))
        text_printf(out, "%.9g", value);
    else
        text_puts(out, "null");
}

/* A token as text; what is no whole character as "bytes:\xe2\x80", as OpenAI's answers have it. */
static void token_text(struct text *out, const struct served *s, int32_t id)
{
    struct text piece = {0};
    out->len = 0;
    text_puts(out, "");
    text_puts(&piece, "");
    served_piece(s, id, true, &piece);
    if (utf8_valid(piece.data, piece.len)) {
        text_add(out, piece.data, piece.len);
    } else {
        text_puts(out, "bytes:");
        for (size_t i = 0; i < piece.len; i++)
            text_printf(out, "\\x%02x", (unsigned)(unsigned char)piece.data[i]);
    }
    text_free(&piece);
}

/* {"token": log p, ..}: alternatives and the token itself. Of tokens with the same text the first, most probable one counts. */
static void add_top(struct text *out, const struct served *s, const struct prediction *p, size_t top, int32_t id)
{
    struct text keys[MOST_TOP + 1] = {{0}};
    size_t n = 0;
    top = top < p->n_top ? top : p->n_top;
    text_puts(out, "{");
    for (size_t i = 0; i <= top; i++) {
        size_t same = 0;
        if (i == top && top > 0 && id == p->top_id[0])
            break;
        token_text(&keys[n], s, i < top ? p->top_id[i] : id);
        while (same < n && strcmp(keys[same].data, keys[n].data) != 0)
            same++;
        if (same < n)
            continue;
        text_puts(out, n > 0 ? "," : "");
        json_line_write(out, keys[n].data, keys[n].len);
        text_puts(out, ":");
        add_number(out, i < top ? prediction_top_log_p(p, i) : prediction_log_p(p));
        n++;
    }
    for (size_t i = 0; i <= MOST_TOP; i++)
        text_free(&keys[i]);
    text_puts(out, "}");
}

/* Tokens from .. to - 1; `offset` counts the characters before each. */
static void add_logprobs(struct text *out, const struct sequence *q, size_t from, size_t to, size_t *offset)
{
    enum { TOKENS, LOG_PS, TOPS, OFFSETS, N_LISTS };
    static const char *const names[N_LISTS] = {"tokens", "token_logprobs", "top_logprobs", "text_offset"};
    struct text list[N_LISTS] = {{0}}, token = {0};
    for (size_t i = from; i < to; i++) {
        const struct prediction *p = sequence_prediction(q, i);
        for (size_t k = 0; k < N_LISTS; k++)
            text_puts(&list[k], i > from ? "," : "");
        token_text(&token, q->asked->served, q->ids.data[i]);
        json_line_write(&list[TOKENS], token.data, token.len);
        text_printf(&list[OFFSETS], "%zu", *offset);
        if (p == NULL) {
            text_puts(&list[LOG_PS], "null");
            text_puts(&list[TOPS], "null");
        } else {
            add_number(&list[LOG_PS], prediction_log_p(p));
            add_top(&list[TOPS], q->asked->served, p, q->asked->top, q->ids.data[i]);
        }
        token.len = 0;
        served_piece(q->asked->served, q->ids.data[i], true, &token);
        *offset += utf8_count(token.data, token.len);
    }
    for (size_t k = 0; k < N_LISTS; k++) {
        text_printf(out, "%s\"%s\":[%s]", k > 0 ? "," : "{", names[k], list[k].data ? list[k].data : "");
        text_free(&list[k]);
    }
    text_puts(out, "}");
    text_free(&token);
}

static void add_seen(struct text *out, const struct watch *w)
{
    cJSON *seen = watch_to_json(w);
    char *printed = cJSON_PrintUnformatted(seen);
    text_printf(out, ",\"probe\":%s", printed);
    cJSON_free(printed);
    cJSON_Delete(seen);
}

/* What a completion with `echo` begins with: the text as it was given, or that of the ids. */
static void add_prompt(struct text *out, const struct sequence *q)
{
    if (q->prompt->text != NULL)
        text_puts(out, q->prompt->text);
    else
        tokenizer_decode(q->asked->served->tokenizer, q->prompt->ids.data, q->prompt->ids.n, true, out, NULL);
}

/* A token of a message: {token, logprob, bytes}; open, for what may follow. */
static void add_token(struct text *out, const struct served *s, int32_t id, double log_p)
{
    struct text text = {0};
    token_text(&text, s, id);
    text_puts(out, "{\"token\":");
    json_line_write(out, text.data, text.len);
    text_puts(out, ",\"logprob\":");
    add_number(out, log_p);
    text_puts(out, ",\"bytes\":[");
    text.len = 0;
    served_piece(s, id, true, &text);
    for (size_t i = 0; i < text.len; i++)
        text_printf(out, i > 0 ? ",%u" : "%u", (unsigned)(unsigned char)text.data[i]);
    text_puts(out, "]");
    text_free(&text);
}

/* The tokens of a message, from .. to - 1. */
static void add_message_logprobs(struct text *out, const struct sequence *q, size_t from, size_t to)
{
    const struct served *s = q->asked->served;
    text_puts(out, "{\"content\":[");
    for (size_t i = from; i < to; i++) {
        const struct prediction *p = sequence_prediction(q, i);
        text_puts(out, i > from ? "," : "");
        add_token(out, s, q->ids.data[i], prediction_log_p(p));
        text_puts(out, ",\"top_logprobs\":[");
        for (size_t k = 0; k < q->asked->top && k < p->n_top; k++) {
            text_puts(out, k > 0 ? "," : "");
            add_token(out, s, p->top_id[k], prediction_top_log_p(p, k));
            text_puts(out, "}");
        }
        text_puts(out, "]}");
    }
    text_puts(out, "],\"refusal\":null}");
}

static void add_choice(struct text *out, const struct sequence *q, struct told *told, size_t bytes, size_t tokens)
{
    struct text text = {0};
    bool first = told->tokens == 0;
    text_puts(&text, "");
    if (first && q->asked->echo)
        add_prompt(&text, q);
    if (first && !q->asked->echo)
        told->tokens = q->prompt->ids.n;
    text_add(&text, q->text.data + told->bytes, bytes - told->bytes);
    if (q->asked->chat)
        text_printf(out, "{\"index\":%zu,\"%s\":{%s\"content\":", q->index, q->asked->stream ? "delta" : "message",
                    first ? "\"role\":\"assistant\"," : "");
    else
        text_printf(out, "{\"index\":%zu,\"text\":", q->index);
    json_line_write(out, text.data, text.len);
    text_printf(out, "%s,\"logprobs\":", q->asked->chat ? "}" : "");
    if (q->asked->logprobs && q->asked->chat)
        add_message_logprobs(out, q, told->tokens, tokens);
    else if (q->asked->logprobs)
        add_logprobs(out, q, told->tokens, tokens, &told->offset);
    else
        text_puts(out, "null");
    const char *finish = FINISH_WORDS[q->finish];
    text_printf(out, finish ? ",\"finish_reason\":\"%s\"" : ",\"finish_reason\":null", finish);
    if (q->watch.probes.n > 0)
        add_seen(out, &q->watch);
    text_puts(out, "}");
    told->bytes = bytes;
    told->tokens = tokens;
    text_free(&text);
}

static void add_head(struct text *out, const struct job *job)
{
    const char *object = !job->asked.chat ? "text_completion" : job->asked.stream ? "chat.completion.chunk" : "chat.completion";
    text_printf(out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", job->id, object, (long long)job->created);
    json_line_write(out, job->asked.served->name, strlen(job->asked.served->name));
}

static void add_usage(struct text *out, const struct job *job)
{
    size_t prompt = 0, made = 0, shared = 0;
    for (size_t i = 0; i < job->asked.n_prompts; i++)
        prompt += job->asked.prompts[i].ids.n;
    for (size_t i = 0; i < job->n; i++) {
        made += job->sequences[i].ids.n - job->sequences[i].prompt->ids.n;
        shared += job->sequences[i].n_shared;
    }
    text_printf(out,
                ",\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
                "\"prompt_tokens_details\":{\"cached_tokens\":%zu}}",
                prompt, made, prompt + made, shared);
}

void answer_completion(struct text *out, const struct job *job)
{
    add_head(out, job);
    text_puts(out, ",\"choices\":[");
    for (size_t i = 0; i < job->n; i++) {
        struct told told = {0};
        text_puts(out, i > 0 ? "," : "");
        add_choice(out, &job->sequences[i], &told, job->sequences[i].text.len, job->sequences[i].ids.n);
    }
    text_puts(out, "]");
    add_usage(out, job);
    text_puts(out, "}");
}

void answer_refusal(struct text *out, const struct refusal *r)
{
    static const struct {
        unsigned http;
        const char *type, *code;
    } kinds[] = {{400, "invalid_request_error", NULL},
                 {401, "invalid_request_error", "invalid_api_key"},
                 {404, "invalid_request_error", "not_found"},
                 {405, "invalid_request_error", "method_not_allowed"},
                 {413, "invalid_request_error", "body_too_large"},
                 {429, "rate_limit_error", "queue_full"},
                 {503, "server_error", "stopping"},
                 {504, "server_error", "timeout"},
                 {500, "server_error", NULL}};
    size_t k = 0;
    while (kinds[k].http != r->http && kinds[k].http != 500)
        k++;
    const char *code = r->param != NULL && r->http == 404 ? "model_not_found" : kinds[k].code;
    text_puts(out, "{\"error\":{\"message\":");
    json_line_write(out, r->error.message, strlen(r->error.message));
    text_printf(out, ",\"type\":\"%s\",\"param\":", kinds[k].type);
    if (r->param != NULL)
        json_line_write(out, r->param, strlen(r->param));
    else
        text_puts(out, "null");
    text_printf(out, code ? ",\"code\":\"%s\"}}" : ",\"code\":null}}", code);
}

static bool is_news(const struct sequence *q, const struct told *told, size_t settled)
{
    if (told->finish || q->finish == FINISH_FAILED)
        return false;
    return settled > told->bytes || q->finish != FINISH_NONE ||
           (told->tokens == 0 && q->asked->echo && q->ids.n > q->prompt->ids.n);
}

void answer_events(struct text *out, struct job *job, bool last)
{
    for (size_t i = 0; i < job->n && job->failed.http == 0; i++) {
        const struct sequence *q = &job->sequences[i];
        size_t settled = sequence_settled(q);
        if (!is_news(q, &job->told[i], settled))
            continue;
        text_puts(out, "data: ");
        add_head(out, job);
        text_puts(out, ",\"choices\":[");
        add_choice(out, q, &job->told[i], settled, q->ids.n);
        text_puts(out, "]}\n\n");
        job->told[i].finish = q->finish != FINISH_NONE;
    }
    if (!last)
        return;
    if (job->failed.http != 0) {
        text_puts(out, "data: ");
        answer_refusal(out, &job->failed);
        text_puts(out, "\n\n");
    } else if (job->asked.usage) {
        text_puts(out, "data: ");
        add_head(out, job);
        text_puts(out, ",\"choices\":[]");
        add_usage(out, job);
        text_puts(out, "}\n\n");
    }
    text_puts(out, "data: [DONE]\n\n");
}
