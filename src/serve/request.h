/* request.h - what a client asked for: the body of a request as structs, checked and bounded. */
#ifndef DIFFTF_SERVE_REQUEST_H
#define DIFFTF_SERVE_REQUEST_H

#include "formats/json.h"
#include "lm/id_list.h"
#include "serve/served.h"
#include "serve/watch.h"

enum { MOST_TOP = 20 }; /* alternatives of a token that can be asked for */

/* Why a request is not served, as the answer says it. */
struct refusal {
    unsigned http;     /* status code */
    const char *param; /* the key at fault, or NULL */
    struct error error;
};
/* Fills it (printf style); false. */
bool refuse(struct refusal *r, unsigned http, const char *param, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What one client may ask for at once. */
struct bounds {
    size_t body;      /* bytes */
    size_t sequences; /* prompts times n */
};

struct prompt {
    char *text; /* as it was given, or NULL where ids were */
    struct ids ids;
};

/* A request for completions. */
struct completion {
    const struct served *served;
    struct prompt *prompts;
    size_t n_prompts;
    size_t max_tokens, n;
    size_t top; /* alternatives of each token */
    double temperature, top_p;
    uint64_t seed;
    char **stop;
    size_t n_stop;
    bool logprobs, echo, stream, usage; /* usage: a last event with the counts of tokens */
    bool chat;                          /* prompts are of messages, and the answer is one */
    struct watch_request watch;
};

/* Parses a body of JSON whose root is an object; the caller deletes it. */
bool request_json(cJSON **root, const char *body, size_t length, struct refusal *r);
/* The model that `root` names, the first where it names none. */
bool request_model(const struct served **served, const struct served_list *list, const char *name, struct refusal *r);
/* Reads a completion, of messages when `chat`; completion_free also after a refusal. */
bool completion_read(struct completion *c, const cJSON *root, bool chat, const struct served_list *list,
                     const struct bounds *bounds, struct refusal *r);
void completion_free(struct completion *c);
/* Ids from an array of numbers, each in the model's vocabulary. */
bool request_ids(struct ids *ids, const cJSON *array, const struct served *served, const char *param, struct refusal *r);

#endif
