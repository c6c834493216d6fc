/* Judges: verdicts, lexical support, facts, and the endpoint, played by a server on loopback that misbehaves. */
#include "suite/judge.h"
#include "suite_main.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

START_TEST(the_last_conclusion_is_the_verdict)
{
    ck_assert(judge_verdict("reasons\n**Conclusion**: True") == 1);
    ck_assert(judge_verdict("**Conclusion**: **False**") == 0);
    ck_assert(judge_verdict("conclusion: true, no. Conclusion: \"false\"") == 0);
    ck_assert(isnan(judge_verdict("I cannot say")));
    ck_assert(isnan(judge_verdict("Conclusion: perhaps")));
}
END_TEST

START_TEST(support_counts_content_words_numbers_and_names)
{
    const char *document = "In 1842 the old bridge at Lyme fell. Anne saw 3.5 tons of stone.";
    ck_assert(judge_support(document, "The bridge fell in 1842.") == 1);
    ck_assert(judge_support(document, "The bridge fell in 1843.") == 2.0 / 3); /* bridge, fell, 1843 */
    ck_assert(judge_support(document, "Anne, 3.5 tons") == 1);
    ck_assert(judge_support(document, "Bob, 3.6 tons") == 1.0 / 3);
    ck_assert(judge_support(document, "of the and it") == 1); /* nothing is said */
}
END_TEST

static void expect_facts(const char *output, bool holds, size_t claims, size_t wrong)
{
    cJSON *facts = cJSON_Parse("[{\"subject\":\"Anna\",\"relation\":\"lives in\",\"object\":\"Oslo\"},"
                               "{\"subject\":\"Anna\",\"relation\":\"is\",\"object\":\"a judge\"},"
                               "{\"subject\":\"Boris\",\"relation\":\"lives in\",\"object\":\"New York\"}]");
    size_t c, w;
    bool got = judge_facts(facts, output, &c, &w);
    ck_assert_msg(got == holds && c == claims && w == wrong, "'%s': %d with %zu claims, %zu wrong; expected %d, %zu, %zu", output,
                  got, c, w, holds, claims, wrong);
    cJSON_Delete(facts);
}

START_TEST(facts_are_exact)
{
    expect_facts("Anna lives in Oslo.", true, 1, 0);
    expect_facts("Anna lives in Oslo and is a judge.", true, 2, 0);
    expect_facts("Anna lives in Osloe.", false, 1, 1);
    expect_facts("Boris lives in Oslo.", false, 1, 1);
    expect_facts("Boris lives in New York. Anna is a baker.", false, 2, 1);
    expect_facts("Carl lives in Oslo.", false, 1, 1);
    expect_facts("I do not know.", false, 0, 0);
}
END_TEST

/* The server: each connection gets the next of `replies`, the last one again and again. */
struct server {
    int socket, port;
    const char *const *replies;
    size_t n, asked;
    char request[8192];
    pthread_t thread;
};

#define GOOD "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"fine.\\n**Conclusion**: True\"}}]}"

static void answer(int connection, const char *reply)
{
    char head[256];
    if (strcmp(reply, "drop") == 0)
        return;
    if (strcmp(reply, "slow") == 0) {
        nanosleep(&(struct timespec){0, 300000000}, NULL);
        reply = "200";
    }
    const char *body = strcmp(reply, "200") == 0      ? GOOD
                       : strcmp(reply, "broken") == 0 ? "{\"choices\":[{\"mess"
                       : strcmp(reply, "403") == 0    ? "{\"error\":\"Bearer secret\x1b[31m\"}"
                                                      : "{\"error\":\"no\"}";
    int code = strcmp(reply, "broken") == 0 ? 200 : atoi(reply);
    snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", code, strlen(body),
             code == 429 ? "Retry-After: 1\r\n" : "");
    if (strcmp(reply, "half") == 0) { /* promises more than it sends */
        send(connection, "HTTP/1.1 200 X\r\nContent-Length: 500\r\n\r\n{\"ch", 43, MSG_NOSIGNAL);
        return;
    }
    send(connection, head, strlen(head), MSG_NOSIGNAL);
    send(connection, body, strlen(body), MSG_NOSIGNAL);
}

static void *serve(void *context)
{
    struct server *s = context;
    for (;;) {
        int connection = accept(s->socket, NULL, NULL);
        if (connection < 0)
            return NULL;
        size_t n = 0;
        for (;;) { /* the head, then as much as it promises */
            ssize_t got = recv(connection, s->request + n, sizeof s->request - 1 - n, 0);
            if (got <= 0)
                break;
            n += (size_t)got;
            s->request[n] = '\0';
            const char *end = strstr(s->request, "\r\n\r\n"), *length = strcasestr(s->request, "content-length:");
            if (end != NULL && length != NULL && n >= (size_t)(end + 4 - s->request) + strtoul(length + 15, NULL, 10))
                break;
        }
        size_t i = s->asked < s->n ? s->asked : s->n - 1;
        s->asked++;
        answer(connection, s->replies[i]);
        close(connection);
    }
}

static void start(struct server *s, const char *const *replies, size_t n)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *s = (struct server){.replies = replies, .n = n};
    s->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->socket, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(s->socket, 8), 0);
    getsockname(s->socket, (struct sockaddr *)&address, &size);
    s->port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    shutdown(s->socket, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->socket);
}

/* Asks once; the status, and how many times the server was asked. */
static enum status ask(const char *const *replies, size_t n, int retries, size_t *asked, struct error *err)
{
    struct server s;
    struct chat_state *state;
    char url[64], *reply;
    int tries;
    start(&s, replies, n);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/chat/completions", s.port);
    struct chat chat = {.url = url, .model = "judge \"1\"", .key = "secret", .rate = 0, .delay = 0.01, .retries = retries};
    ck_assert_int_eq(chat_open(&state, &chat, err), OK);
    enum status status = chat_ask(state, "is this\n\"true\"?", NULL, &reply, &tries, err);
    if (status == OK) {
        ck_assert_str_eq(reply, "fine.\n**Conclusion**: True");
        ck_assert_ptr_nonnull(strstr(s.request, "Bearer secret"));
        cJSON *body = cJSON_Parse(strstr(s.request, "\r\n\r\n") + 4);
        ck_assert_str_eq(json_text(body, "model"), "judge \"1\"");
        ck_assert_str_eq(json_text(body, "messages.0.content"), "is this\n\"true\"?");
        cJSON_Delete(body);
        free(reply);
    }
    chat_close(state);
    stop(&s);
    *asked = s.asked;
    return status;
}

START_TEST(the_endpoint_is_asked_again_until_it_answers)
{
    static const char *const replies[] = {"drop", "500", "broken", "429", "half", "slow"};
    struct error err = {0};
    size_t asked;
    ck_assert_msg(ask(replies, 6, 8, &asked, &err) == OK, "%s", err.message);
    ck_assert_uint_eq(asked, 6);
}
END_TEST

START_TEST(it_gives_up_after_the_retries)
{
    static const char *const replies[] = {"503"};
    struct error err = {0};
    size_t asked;
    ck_assert_int_eq(ask(replies, 1, 2, &asked, &err), ERR_SYSTEM);
    ck_assert_uint_eq(asked, 3);
    ck_assert_msg(strstr(err.message, "503") != NULL && strstr(err.message, "3 tries") != NULL, "%s", err.message);
}
END_TEST

START_TEST(a_refusal_is_final)
{
    static const char *const replies[] = {"401"};
    struct error err = {0};
    size_t asked;
    ck_assert_int_eq(ask(replies, 1, 5, &asked, &err), ERR_SYSTEM);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(the_key_and_control_characters_are_in_no_message)
{
    static const char *const replies[] = {"403"};
    struct error err = {0};
    size_t asked;
    ck_assert_int_eq(ask(replies, 1, 0, &asked, &err), ERR_SYSTEM);
    ck_assert_msg(strstr(err.message, "secret") == NULL && strstr(err.message, "Bearer ******") != NULL, "%s", err.message);
    ck_assert_msg(strchr(err.message, '\x1b') == NULL && strstr(err.message, "\\x1b[31m") != NULL, "%s", err.message);
}
END_TEST

START_TEST(the_key_goes_to_https_or_to_this_host)
{
    static const struct {
        const char *url;
        bool any_http, fine;
    } cases[] = {
        {"https://api.example.org/v1", false, true},
        {"http://api.example.org/v1", false, false},
        {"http://api.example.org/v1", true, true},
        {"http://127.0.0.1:8000/v1", false, true},
        {"http://localhost/v1", false, true},
        {"http://[::1]:80/v1", false, true},
        {"http://127.0.0.1.example.org/v1", false, false},
        {"http://example.org/?//127.0.0.1", false, false},
        {"http://127.0.0.1@example.org/", false, false},
        {"https://user:word@example.org/", false, false},
        {"https://example.org/?key=secret", false, false},
        {"file:///etc/passwd", true, false},
        {"gopher://127.0.0.1/", true, false},
        {"no address", true, false},
        {"", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat_state *state;
        struct error err = {0};
        struct chat chat = {.url = cases[i].url, .model = "m", .key = "secret", .any_http = cases[i].any_http};
        enum status status = chat_open(&state, &chat, &err);
        ck_assert_msg(status == (cases[i].fine ? OK : ERR_USAGE), "'%s': status %d, %s", cases[i].url, status, err.message);
        ck_assert_msg(strstr(err.message, "secret") == NULL, "%s", err.message);
        chat_close(state);
    }
}
END_TEST

START_TEST(nobody_listens)
{
    struct chat_state *state;
    struct error err = {0};
    char *reply;
    int tries;
    struct chat chat = {.url = "http://127.0.0.1:9/", .model = "m", .delay = 0.01, .retries = 1};
    ck_assert_int_eq(chat_open(&state, &chat, &err), OK);
    ck_assert_int_eq(chat_ask(state, "?", NULL, &reply, &tries, &err), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1:9"));
    chat_close(state);
}
END_TEST

START_TEST(a_remote_endpoint_needs_a_key)
{
    struct chat_state *state;
    struct error err = {0};
    struct chat chat = {.url = "https://api.example.org/v1", .model = "m"};
    ck_assert_int_eq(chat_open(&state, &chat, &err), ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.message, "OPENAI_API_KEY"));
}
END_TEST

START_TEST(the_rate_is_kept)
{
    static const char *const replies[] = {"200"};
    struct server s;
    struct chat_state *state;
    struct error err = {0};
    struct timespec a, b;
    char url[64];
    start(&s, replies, 1);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    struct chat chat = {.url = url, .model = "m", .rate = 300, .delay = 0.01};
    ck_assert_int_eq(chat_open(&state, &chat, &err), OK);
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 4; i++) {
        char *reply;
        int tries;
        ck_assert_int_eq(chat_ask(state, "?", NULL, &reply, &tries, &err), OK);
        free(reply);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    ck_assert_msg(seconds >= 0.59, "four requests at 300 a minute took %.2f s, expected 0.6 or more", seconds);
    chat_close(state);
    stop(&s);
}
END_TEST

SUITE_MAIN("judge", the_last_conclusion_is_the_verdict, support_counts_content_words_numbers_and_names, facts_are_exact,
           the_endpoint_is_asked_again_until_it_answers, it_gives_up_after_the_retries, a_refusal_is_final, nobody_listens,
           the_key_and_control_characters_are_in_no_message, the_key_goes_to_https_or_to_this_host, a_remote_endpoint_needs_a_key,
           the_rate_is_kept)
