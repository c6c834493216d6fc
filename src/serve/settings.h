/* settings.h - how a server was asked to serve. */
#ifndef DIFFTF_SERVE_SETTINGS_H
#define DIFFTF_SERVE_SETTINGS_H

#include "serve/request.h"

struct server_settings {
    const char *host;     /* a name or an address */
    unsigned port;        /* 0: any that is free */
    const char *key_file; /* a key a line; NULL: none is asked for */
    struct bounds bounds;
    size_t slots, queue;
    double seconds; /* that a request may take */
    int threads;
};

#endif
