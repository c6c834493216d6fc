/* judge.h - is an output free of what its document does not say?
 *
 *   lexical     offline: share of the output's content words, numbers and names that occur in the document, against a threshold
 *   facts       exact: for generated documents whose facts are known
 *   model:DIR   a local model is asked
 *   openai      an OpenAI-compatible endpoint is asked
 *
 * The two that ask use one prompt, after Chuang et al. 2024 (Lookback Lens): document, question, reference, output; the reply
 * names problematic spans and ends with "**Conclusion**: True" or "False".
 */
#ifndef DIFFTF_SUITE_JUDGE_H
#define DIFFTF_SUITE_JUDGE_H

#include "base/memory.h"
#include "suite/options.h"

#include <signal.h>

struct judge;

/* What is judged; question, reference and facts may be NULL. facts: array of {subject, relation, object}. */
struct judge_case {
    const char *document, *question, *reference, *output;
    const cJSON *facts;
};

/* The options of every judge, for a task's struct and table (JUDGE_OPTIONS) to include. */
struct judge_options {
    const char *kind, *url, *model;
    double threshold, rate, delay;
    size_t retries;
    bool any_http; /* plain http to a host that is not this one */
};
/* `kind` names the judge, `default_kind` when NULL. */
enum status judge_open(struct judge **judge, const struct judge_options *options, const char *default_kind, struct error *err);
void judge_close(struct judge *judge);
const char *judge_name(const struct judge *judge);
/* *free_of_it: 1 or 0, NAN when the judge gave no verdict; what it said goes into `evidence`. Called by many threads; stops when
 * *stop is set. */
enum status judge_run(struct judge *judge, const struct judge_case *c, const volatile sig_atomic_t *stop, cJSON *evidence,
                      double *free_of_it, struct error *err);

/* Rows of a table whose struct holds the options at `at`. */
#define JUDGE_OPTIONS(at)                                                                                                        \
    {"judge",                                                                                                                    \
     OPTION_STRING,                                                                                                              \
     NULL,                                                                                                                       \
     0,                                                                                                                          \
     0,                                                                                                                          \
     "JUDGE",                                                                                                                    \
     "lexical, facts, model:DIR or openai (default: facts where the data has them, else lexical)",                               \
     false,                                                                                                                      \
     (at) + offsetof(struct judge_options, kind)},                                                                               \
        {"threshold",                                                                                                            \
         OPTION_NUMBER,                                                                                                          \
         "0.9",                                                                                                                  \
         0,                                                                                                                      \
         1,                                                                                                                      \
         "SHARE",                                                                                                                \
         "lexical: words of the output that the document must have",                                                             \
         false,                                                                                                                  \
         (at) + offsetof(struct judge_options, threshold)},                                                                      \
        {"judge-url",                                                                                                            \
         OPTION_STRING,                                                                                                          \
         "https://api.openai.com/v1/chat/completions",                                                                           \
         0,                                                                                                                      \
         0,                                                                                                                      \
         "URL",                                                                                                                  \
         "openai: the endpoint",                                                                                                 \
         false,                                                                                                                  \
         (at) + offsetof(struct judge_options, url)},                                                                            \
        {"judge-plain-http",                                                                                                     \
         OPTION_FLAG,                                                                                                            \
         NULL,                                                                                                                   \
         0,                                                                                                                      \
         0,                                                                                                                      \
         NULL,                                                                                                                   \
         "openai: allow http to another host; key and texts travel readable by anyone on the way",                               \
         true,                                                                                                                   \
         (at) + offsetof(struct judge_options, any_http)},                                                                       \
        {"judge-model",                                                                                                          \
         OPTION_STRING,                                                                                                          \
         "gpt-4o",                                                                                                               \
         0,                                                                                                                      \
         0,                                                                                                                      \
         "NAME",                                                                                                                 \
         "openai: the model; the key is read from OPENAI_API_KEY",                                                               \
         false,                                                                                                                  \
         (at) + offsetof(struct judge_options, model)},                                                                          \
        {"judge-rate",                                                                                                           \
         OPTION_NUMBER,                                                                                                          \
         "60",                                                                                                                   \
         0,                                                                                                                      \
         1000000,                                                                                                                \
         "N",                                                                                                                    \
         "openai: requests a minute at most, 0: no limit",                                                                       \
         true,                                                                                                                   \
         (at) + offsetof(struct judge_options, rate)},                                                                           \
        {"judge-retries",                                                                                                        \
         OPTION_INT,                                                                                                             \
         "6",                                                                                                                    \
         0,                                                                                                                      \
         100,                                                                                                                    \
         "N",                                                                                                                    \
         "openai: tries again after errors that may pass",                                                                       \
         true,                                                                                                                   \
         (at) + offsetof(struct judge_options, retries)},                                                                        \
    {                                                                                                                            \
        "judge-delay", OPTION_NUMBER, "1", 0, 3600, "SECONDS", "openai: before the first retry; doubles each time", true,        \
            (at) + offsetof(struct judge_options, delay)                                                                         \
    }

/* Shared by the judges. */
bool judge_prompt(struct text *out, const struct judge_case *c);
/* 1 or 0 by the last "Conclusion: True|False" of a reply, NAN without one. */
double judge_verdict(const char *reply);
/* Share of the content words, numbers and names of `output` that occur in `document`; 1 for an output without any. */
double judge_support(const char *document, const char *output);
/* Every statement "subject relation object" of the output is among the facts, and there is one; *claims counts them. */
bool judge_facts(const cJSON *facts, const char *output, size_t *claims, size_t *wrong);

/* One chat completion: the reply's text, which the caller frees. Retries what may pass: dropped connections, 429, 5xx, replies
 * that are no JSON; honours Retry-After. The key is in no message and no reply. */
struct chat {
    const char *url, *model, *key;
    double rate, delay;
    int retries;
    bool any_http;
};
struct chat_state;
/* Only https, or http to this very host (any_http: to any); an address that holds the key or a password is refused. */
enum status chat_open(struct chat_state **state, const struct chat *chat, struct error *err);
void chat_close(struct chat_state *state);
/* The text in the body of a reply, in fresh memory; NULL when it is no chat completion. */
char *chat_reply(const char *body, size_t length);
enum status chat_ask(struct chat_state *state, const char *prompt, const volatile sig_atomic_t *stop, char **reply, int *tries,
                     struct error *err);

#endif
