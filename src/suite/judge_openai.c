/* judge_openai.c - chat completions over libcurl; see judge.h. */
#include "base/clock.h"
#include "suite/judge.h"

#include <curl/curl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct chat_state {
    char *url, *model, *key;
    double rate, delay, next; /* when the next request may go out */
    int retries;
    omp_lock_t lock;
};

enum { TIMEOUT_SECONDS = 120, CONNECT_SECONDS = 20, LARGEST_REPLY = 4 << 20 };

enum status chat_open(struct chat_state **state, const struct chat *c, struct error *err)
{
    struct chat_state *s = calloc(1, sizeof *s);
    *state = s;
    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(s);
        *state = NULL;
        return error_set(err, ERR_SYSTEM, "judge: libcurl cannot be started");
    }
    *s = (struct chat_state){.url = strdup(c->url),
                             .model = strdup(c->model),
                             .key = c->key ? strdup(c->key) : NULL,
                             .rate = c->rate,
                             .delay = c->delay,
                             .retries = c->retries};
    omp_init_lock(&s->lock);
    bool local = strstr(c->url, "//127.") != NULL || strstr(c->url, "//localhost") != NULL || strstr(c->url, "//[::1]") != NULL;
    if (c->key == NULL && !local) {
        chat_close(s);
        *state = NULL;
        return error_set(err, ERR_USAGE, "--judge openai: the environment has no OPENAI_API_KEY, expected the key for %s",
                         c->url);
    }
    return OK;
}

void chat_close(struct chat_state *s)
{
    if (s == NULL)
        return;
    omp_destroy_lock(&s->lock);
    free(s->url);
    free(s->model);
    free(s->key);
    free(s);
    curl_global_cleanup();
}

/* Sleeps in short steps; false when asked to stop. */
static bool wait_seconds(double seconds, const volatile sig_atomic_t *stop)
{
    double until = clock_seconds() + seconds;
    while (clock_seconds() < until && (stop == NULL || !*stop)) {
        double left = until - clock_seconds();
        struct timespec step = {0, (long)(1e9 * (left < 0.1 ? left > 0 ? left : 0 : 0.1))};
        nanosleep(&step, NULL);
    }
    return stop == NULL || !*stop;
}

/* Waits for this request's turn under the rate limit. */
static bool wait_turn(struct chat_state *s, const volatile sig_atomic_t *stop)
{
    if (s->rate <= 0)
        return stop == NULL || !*stop;
    omp_set_lock(&s->lock);
    double now = clock_seconds(), turn = s->next > now ? s->next : now;
    s->next = turn + 60 / s->rate;
    omp_unset_lock(&s->lock);
    return wait_seconds(turn - now, stop);
}

static size_t receive(char *data, size_t size, size_t n, void *to)
{
    struct text *body = to;
    return body->len + size * n <= LARGEST_REPLY && text_add(body, data, size * n) ? size * n : 0;
}

static int should_stop(void *stop, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return stop != NULL && *(const volatile sig_atomic_t *)stop;
}

static char *request_body(const struct chat_state *s, const char *prompt)
{
    cJSON *body = cJSON_CreateObject(), *message = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "model", s->model);
    cJSON_AddNumberToObject(body, "temperature", 0);
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", prompt);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "messages"), message);
    char *text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    return text;
}

struct answer {
    CURLcode code;
    long http;
    curl_off_t retry_after;
    struct text body;
};

static void post(struct answer *a, const struct chat_state *s, const char *body, const volatile sig_atomic_t *stop)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct text authorization = {0};
    *a = (struct answer){.code = CURLE_FAILED_INIT};
    if (s->key != NULL && text_printf(&authorization, "Authorization: Bearer %s", s->key))
        headers = curl_slist_append(headers, authorization.data);
    if (curl != NULL) {
        curl_easy_setopt(curl, CURLOPT_URL, s->url);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &a->body);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, should_stop);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)stop);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_SECONDS);
        a->code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->http);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &a->retry_after);
        curl_easy_cleanup(curl);
    }
    curl_slist_free_all(headers);
    text_free(&authorization);
}

/* The text of a good answer, else NULL and why in `why`; *again: another try may do better. */
static char *read_answer(const struct answer *a, char why[160], bool *again)
{
    *again = true;
    if (a->code != CURLE_OK) {
        snprintf(why, 160, "%s", curl_easy_strerror(a->code));
        return NULL;
    }
    if (a->http != 200) {
        *again = a->http == 408 || a->http == 409 || a->http == 429 || a->http >= 500;
        snprintf(why, 160, "HTTP status %ld: %.100s", a->http, a->body.data ? a->body.data : "");
        for (char *p = why; *p != '\0'; p++)
            *p = (unsigned char)*p < ' ' ? ' ' : *p;
        return NULL;
    }
    cJSON *root = a->body.data ? cJSON_Parse(a->body.data) : NULL;
    const char *content = json_text(root, "choices.0.message.content");
    char *reply = content ? strdup(content) : NULL;
    if (reply == NULL)
        snprintf(why, 160, "the reply is no chat completion");
    cJSON_Delete(root);
    return reply;
}

enum status chat_ask(struct chat_state *s, const char *prompt, const volatile sig_atomic_t *stop, char **reply, int *tries,
                     struct error *err)
{
    char *body = request_body(s, prompt), why[160] = "";
    double delay = s->delay;
    bool again = true;
    *reply = NULL;
    if (body == NULL)
        return error_set(err, ERR_SYSTEM, "judge: out of memory");
    for (*tries = 1; *reply == NULL && again; (*tries)++) {
        struct answer a;
        if (!wait_turn(s, stop))
            break;
        post(&a, s, body, stop);
        *reply = read_answer(&a, why, &again);
        text_free(&a.body);
        if (*reply != NULL || *tries > s->retries)
            break;
        double pause = a.retry_after > 0 ? (double)a.retry_after : delay;
        delay *= 2;
        if (again && !wait_seconds(pause, stop))
            break;
    }
    free(body);
    if (*reply != NULL)
        return OK;
    if (stop != NULL && *stop)
        return error_set(err, ERR_STOPPED, "stopped");
    return error_set(err, ERR_SYSTEM, "%s: no judgement after %d tries: %s, expected a chat completion", s->url, *tries, why);
}
