/* judge_openai.c - chat completions over libcurl; see judge.h. */
#include "base/clock.h"
#include "formats/json.h"
#include "suite/judge.h"

#include <curl/curl.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct chat_state {
    char *url, *model, *key;
    bool loopback;
    double rate, delay, next; /* when the next request may go out */
    int retries;
    omp_lock_t lock;
};

enum { TIMEOUT_SECONDS = 120, CONNECT_SECONDS = 20, LARGEST_REPLY = 4 << 20 };

static bool is_loopback(const char *host)
{
    static const char *const names[] = {"localhost", "[::1]", "::1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(host, names[i]) == 0)
            return true;
    unsigned a, b, c, d;
    int end = 0;
    return sscanf(host, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4 && host[end] == '\0' && a == 127;
}

/* Where may texts and the key go? */
static enum status check_url(const struct chat *c, bool *loopback, struct error *err)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    CURLU *url = curl_url();
    enum status status = OK;
    bool parsed = url != NULL && curl_url_set(url, CURLUPART_URL, c->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                  curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    bool secret = parsed && (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK || (c->key && strstr(c->url, c->key)));
    *loopback = parsed && is_loopback(host);
    if (secret)
        status = error_set(err, ERR_USAGE, "--judge-url: holds a user name or the key, expected the key in OPENAI_API_KEY alone");
    else if (!parsed || (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
        status = error_set(err, ERR_USAGE, "--judge-url: '%.200s' is no web address, expected https://..", c->url);
    else if (strcmp(scheme, "http") == 0 && !*loopback && !c->any_http)
        status = error_set(err, ERR_USAGE,
                           "--judge-url: plain http to %.100s would show key and texts to anyone on the way, expected https "
                           "(--judge-plain-http allows it)",
                           host);
    else if (c->key == NULL && !*loopback)
        status = error_set(err, ERR_USAGE, "--judge openai: the environment has no OPENAI_API_KEY, expected the key for %.200s",
                           c->url);
    else if (c->key != NULL && strpbrk(c->key, "\r\n") != NULL)
        status = error_set(err, ERR_USAGE, "OPENAI_API_KEY: holds a line break, expected the key alone");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(url);
    return status;
}

enum status chat_open(struct chat_state **state, const struct chat *c, struct error *err)
{
    bool loopback = false;
    *state = NULL;
    enum status status = check_url(c, &loopback, err);
    if (status != OK)
        return status;
    struct chat_state *s = calloc(1, sizeof *s);
    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(s);
        return error_set(err, ERR_SYSTEM, "judge: libcurl cannot be started");
    }
    *s = (struct chat_state){.url = strdup(c->url),
                             .model = strdup(c->model),
                             .key = c->key && c->key[0] ? strdup(c->key) : NULL,
                             .loopback = loopback,
                             .rate = c->rate,
                             .delay = c->delay,
                             .retries = c->retries};
    omp_init_lock(&s->lock);
    *state = s;
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

char *chat_reply(const char *body, size_t length)
{
    cJSON *root = NULL;
    if (json_parse(&root, "reply", body, length, NULL) != OK)
        return NULL;
    const char *content = json_text(root, "choices.0.message.content");
    char *reply = content ? strdup(content) : NULL;
    cJSON_Delete(root);
    return reply;
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
#if LIBCURL_VERSION_NUM >= 0x075500
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
        if (s->loopback)
            curl_easy_setopt(curl, CURLOPT_NOPROXY, "*"); /* this host is not reached through another */
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

/* A copy of what an endpoint said, in which the key is stars. */
static char *without_key(const struct chat_state *s, const char *said)
{
    char *copy = strdup(said);
    size_t n = s->key ? strlen(s->key) : 0;
    for (char *hit = n > 0 ? copy : NULL; hit != NULL && (hit = strstr(hit, s->key)) != NULL; hit += n)
        memset(hit, '*', n);
    return copy;
}

/* The text of a good answer, else NULL and why in `why`; *again: another try may do better. */
static char *read_answer(const struct answer *a, const struct chat_state *s, char why[160], bool *again)
{
    *again = true;
    if (a->code != CURLE_OK) {
        snprintf(why, 160, "%s", curl_easy_strerror(a->code));
        return NULL;
    }
    if (a->http != 200) {
        char *said = without_key(s, a->body.data ? a->body.data : "");
        *again = a->http == 408 || a->http == 409 || a->http == 429 || a->http >= 500;
        snprintf(why, 160, "HTTP status %ld: %.100s", a->http, said ? said : "");
        free(said);
        return NULL;
    }
    char *reply = chat_reply(a->body.data ? a->body.data : "", a->body.len);
    if (reply == NULL) {
        snprintf(why, 160, "the reply is no chat completion");
        return NULL;
    }
    char *clean = without_key(s, reply);
    free(reply);
    return clean;
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
        *reply = read_answer(&a, s, why, &again);
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
    return error_set(err, ERR_SYSTEM, "%.200s: no judgement after %d tries: %s, expected a chat completion", s->url, *tries, why);
}
