/* server.c - HTTP: connections, bodies, keys, answers; see server.h.
 *
 * One thread of libmicrohttpd talks to all clients. A connection whose answer is being computed is suspended, and resumed when
 * there is something to send.
 */
#include "serve/server.h"

#include "base/clock.h"
#include "base/file.h"
#include "serve/answer.h"
#include "serve/routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_SECONDS = 30, HEAD_SECONDS = 30, BODY_SECONDS = 60, CONNECTIONS = 1000, HEADER_BYTES = 32 << 10, LAST_SECONDS = 5 };

static enum MHD_Result send_text(struct exchange *x, unsigned http, const char *type, struct text *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(text->len, text->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        text_free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", type);
    if (http == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (http == 429 || http == 503)
        MHD_add_response_header(response, "Retry-After", "1");
    enum MHD_Result result = MHD_queue_response(x->connection, http, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_refusal(struct exchange *x, const struct refusal *r)
{
    struct text text = {0};
    answer_refusal(&text, r);
    return send_text(x, r->http, "application/json", &text);
}

/* Both with the lock of the scheduler. */
static void wake(void *client)
{
    struct exchange *x = client;
    if (x->waits)
        MHD_resume_connection(x->connection);
    x->waits = false;
}

static bool gone(void *client)
{
    const struct exchange *x = client;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct pollfd fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
    return info == NULL || (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0);
}

/* The next bytes of a stream. */
static ssize_t read_events(void *context, uint64_t at, char *to, size_t most)
{
    struct exchange *x = context;
    struct scheduler *s = &x->server->scheduler;
    ssize_t n = 0;
    (void)at;
    pthread_mutex_lock(&s->lock);
    struct text *events = &x->job->events;
    if (events->len > 0) {
        n = (ssize_t)(events->len < most ? events->len : most);
        memcpy(to, events->data, (size_t)n);
        events->len -= (size_t)n;
        memmove(events->data, events->data + n, events->len);
    } else if (x->job->done) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        x->waits = true;
        MHD_suspend_connection(x->connection);
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

static enum MHD_Result send_stream(struct exchange *x)
{
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_events, x, NULL);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    enum MHD_Result result = MHD_queue_response(x->connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

/* The answer of a job that is done; else the connection waits for it. */
static enum MHD_Result send_job(struct exchange *x)
{
    struct scheduler *s = &x->server->scheduler;
    if (x->job->asked.stream)
        return send_stream(x);
    pthread_mutex_lock(&s->lock);
    bool done = x->job->done;
    if (!done) {
        x->waits = true;
        MHD_suspend_connection(x->connection);
    }
    pthread_mutex_unlock(&s->lock);
    if (!done)
        return MHD_YES;
    if (x->job->failed.http != 0)
        return send_refusal(x, &x->job->failed);
    struct text text = {0};
    answer_completion(&text, x->job);
    return send_text(x, 200, "application/json", &text);
}

static enum MHD_Result submit(struct exchange *x)
{
    struct scheduler *s = &x->server->scheduler;
    struct refusal r = {0};
    x->job->client = x;
    x->job->wake = wake;
    x->job->gone = gone;
    pthread_mutex_lock(&s->lock);
    bool taken = scheduler_submit(s, x->job, &r);
    pthread_mutex_unlock(&s->lock);
    if (taken)
        return send_job(x);
    job_free(x->job);
    x->job = NULL;
    return send_refusal(x, &r);
}

/* The whole request is there. */
static enum MHD_Result answer(struct exchange *x)
{
    struct refusal r = {0};
    struct text out = {0};
    cJSON *root = NULL;
    bool good = true;
    if (x->too_long)
        good = refuse(&r, 413, NULL, "The body has more than %zu bytes, expected fewer (--max-body)",
                      x->server->settings->bounds.body);
    else if (strcmp(x->route->method, "POST") == 0)
        good = request_json(&root, x->body.data ? x->body.data : "", x->body.len, &r);
    if (!good) {
        cJSON_Delete(root);
        return send_refusal(x, &r);
    }
    unsigned http = x->route->answer(x, root, &out);
    cJSON_Delete(root);
    text_free(&x->body);
    return http == 0 ? submit(x) : send_text(x, http, x->route->type, &out);
}

static bool same_key(const char *a, const char *b)
{
    size_t n = strlen(a), differs = n ^ strlen(b);
    for (size_t i = 0; i < n && b[0] != '\0'; i++) /* as long for a wrong key as for a right one */
        differs |= (size_t)(unsigned char)(a[i] ^ b[i % strlen(b)]);
    return differs == 0;
}

static bool has_key(const struct server *s, struct MHD_Connection *connection)
{
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    bool found = s->n_keys == 0;
    if (found || header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
        return found;
    for (size_t i = 0; i < s->n_keys; i++)
        found = same_key(s->keys[i], header + 7) || found;
    return found;
}

/* Headers are there, the body is not: what can be refused already? */
static bool check_head(struct exchange *x, const char *method, const char *path, struct refusal *r)
{
    bool known;
    size_t most = x->server->settings->bounds.body;
    const char *length = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    x->route = route_find(method, path, &known);
    if ((x->route == NULL || !x->route->open) && !has_key(x->server, x->connection))
        return refuse(r, 401, NULL, "The key is missing or wrong, expected Authorization: Bearer KEY");
    if (x->route == NULL && known)
        return refuse(r, 405, NULL, "%.10s does not work on %.100s, expected the other of GET and POST", method, path);
    if (x->route == NULL)
        return refuse(r, 404, NULL, "There is nothing at %.100s, expected /v1/completions and what docs/serve.md lists", path);
    if (length != NULL && strtod(length, NULL) > (double)most)
        return refuse(r, 413, NULL, "The body has %.20s bytes, expected at most %zu (--max-body)", length, most);
    return true;
}

/* The connection's entry among the visitors, which libmicrohttpd keeps. */
static void mark(const struct exchange *x, bool heard)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL && info->socket_context != NULL)
        visitors_mark(&x->server->visitors, info->socket_context, heard);
}

static void come_or_go(void *context, struct MHD_Connection *connection, void **own, enum MHD_ConnectionNotificationCode what)
{
    struct server *s = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && info != NULL) {
        *own = visitors_come(&s->visitors, info->connect_fd);
    } else if (what == MHD_CONNECTION_NOTIFY_CLOSED && *own != NULL) {
        visitors_go(&s->visitors, *own);
        *own = NULL;
    }
}

static void pulse(void *context)
{
    visitors_check(&((struct server *)context)->visitors, HEAD_SECONDS);
}

/* Called with the head, then with pieces of the body, then without: and again when a suspended connection goes on. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *data, size_t *n, void **own)
{
    struct server *s = context;
    struct exchange *x = *own;
    struct refusal r = {0};
    (void)version;
    if (x == NULL) {
        *own = x = calloc(1, sizeof *x);
        *x = (struct exchange){.server = s, .connection = connection, .began = clock_seconds()};
        pthread_mutex_lock(&s->scheduler.lock);
        s->n_exchanges++;
        mark(x, true);
        pthread_mutex_unlock(&s->scheduler.lock);
        return check_head(x, method, path, &r) ? MHD_YES : send_refusal(x, &r);
    }
    if (*n > 0) {
        size_t most = s->settings->bounds.body;
        if (clock_seconds() - x->began > BODY_SECONDS || (x->too_long && *n > most))
            return MHD_NO;
        x->too_long = x->too_long || *n > most - x->body.len;
        if (!x->too_long)
            text_add(&x->body, data, *n);
        *n = 0;
        return MHD_YES;
    }
    return x->job != NULL ? send_job(x) : answer(x);
}

static void completed(void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why)
{
    struct server *s = context;
    struct exchange *x = *own;
    (void)connection;
    (void)why;
    if (x == NULL)
        return;
    pthread_mutex_lock(&s->scheduler.lock);
    if (x->job != NULL)
        scheduler_leave(x->job);
    s->n_exchanges--;
    mark(x, false);
    pthread_mutex_unlock(&s->scheduler.lock);
    text_free(&x->body);
    free(x);
    *own = NULL;
}

/* A key a line; blanks around it and empty lines do not count. */
static enum status read_keys(struct server *s, const char *path, struct error *err)
{
    char *text = NULL, *rest = NULL;
    size_t length;
    enum status status = path ? file_read(&text, &length, path, err) : OK;
    if (path == NULL || status != OK)
        return status;
    for (char *key = strtok_r(text, " \t\r\n", &rest); key != NULL; key = strtok_r(NULL, " \t\r\n", &rest)) {
        s->keys = realloc(s->keys, (s->n_keys + 1) * sizeof *s->keys);
        s->keys[s->n_keys++] = strdup(key);
    }
    explicit_bzero(text, length);
    free(text);
    return s->n_keys > 0 ? OK : error_set(err, ERR_INPUT, "%s: is empty, expected a key a line", path);
}

/* An address to listen at; one that others can reach needs keys. */
static enum status find_address(struct sockaddr_storage *address, char shown[64], const struct server *s, struct error *err)
{
    const struct server_settings *o = s->settings;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    char port[8], host[INET6_ADDRSTRLEN];
    snprintf(port, sizeof port, "%u", o->port);
    int failed = getaddrinfo(o->host, port, &hints, &found);
    if (failed != 0)
        return error_set(err, ERR_USAGE, "--host: '%.100s': %s, expected an address of this machine", o->host,
                         gai_strerror(failed));
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    bool six = address->ss_family == AF_INET6;
    bool loopback = six ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) : ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    inet_ntop(address->ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host, sizeof host);
    snprintf(shown, 64, six ? "[%s]" : "%s", host);
    if (!loopback && s->n_keys == 0)
        return error_set(err, ERR_USAGE, "--host: others can reach %s, expected --api-key-file with a key that they need", shown);
    return OK;
}

/* Answers that are ready get the time to leave. */
static void let_leave(struct server *s)
{
    double until = clock_seconds() + LAST_SECONDS;
    for (bool left = true; left && clock_seconds() < until;) {
        struct timespec pause = {0, 5000000};
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&s->scheduler.lock);
        left = s->n_exchanges > 0;
        pthread_mutex_unlock(&s->scheduler.lock);
    }
}

static enum status listen_and_compute(struct server *s, const volatile sig_atomic_t *stop, void (*ready)(const char *),
                                      struct error *err)
{
    struct sockaddr_storage address;
    char shown[64];
    enum status status = find_address(&address, shown, s, err);
    if (status != OK)
        return status;
    unsigned flags =
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0U);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, (uint16_t)s->settings->port, NULL, NULL, handle, s, MHD_OPTION_SOCK_ADDR,
                         (struct sockaddr *)&address, MHD_OPTION_NOTIFY_COMPLETED, completed, s, MHD_OPTION_CONNECTION_TIMEOUT,
                         (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_CONNECTION, come_or_go, s, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_END);
    if (daemon == NULL)
        return error_set(err, ERR_SYSTEM, "--port: %s:%u: cannot be listened at: %s, expected a free port", shown,
                         s->settings->port, strerror(errno));
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    struct text url = {0};
    text_printf(&url, "http://%s:%u", shown, info ? info->port : s->settings->port);
    ready(url.data);
    text_free(&url);
    scheduler_run(&s->scheduler, stop);
    MHD_socket listening = MHD_quiesce_daemon(daemon);
    let_leave(s);
    MHD_stop_daemon(daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    return OK;
}

enum status server_run(const struct served_list *models, const struct server_settings *o, const volatile sig_atomic_t *stop,
                       void (*ready)(const char *), struct error *err)
{
    struct server s = {.models = models, .settings = o, .began = clock_seconds(), .started = time(NULL)};
    scheduler_init(&s.scheduler, o->slots, o->queue, o->seconds, o->threads);
    visitors_init(&s.visitors);
    s.scheduler.pulse = pulse;
    s.scheduler.pulse_context = &s;
    enum status status = read_keys(&s, o->key_file, err);
    if (status == OK)
        status = listen_and_compute(&s, stop, ready, err);
    for (size_t i = 0; i < s.n_keys; i++)
        free(s.keys[i]);
    free(s.keys);
    scheduler_free(&s.scheduler);
    visitors_free(&s.visitors);
    return status;
}
