/* routes.h - one request of a client and its answer; what stands behind each address. */
#ifndef DIFFTF_SERVE_ROUTES_H
#define DIFFTF_SERVE_ROUTES_H

#include "serve/scheduler.h"
#include "serve/settings.h"
#include "serve/visitors.h"

#include <microhttpd.h>

struct server {
    const struct served_list *models;
    const struct server_settings *settings;
    struct scheduler scheduler;
    char **keys;
    size_t n_keys;
    double began;
    time_t started;
    struct visitors visitors;
    size_t n_exchanges; /* under the scheduler's lock */
};

struct route;

struct exchange {
    struct server *server;
    struct MHD_Connection *connection;
    const struct route *route;
    struct text body;
    bool too_long;
    double began;
    struct job *job;
    bool waits; /* its connection is suspended; under the scheduler's lock */
};

/* An address: `answer` makes the whole answer and returns its status code; `root` is the body, NULL for GET. 0: it has made a
 * job, x->job, that has to be computed. */
struct route {
    const char *method, *path, *type;
    bool open; /* no key is asked for */
    unsigned (*answer)(struct exchange *x, const cJSON *root, struct text *out);
};
/* NULL where there is none; `known` says whether the path is there for another method. */
const struct route *route_find(const char *method, const char *path, bool *known);

#endif
