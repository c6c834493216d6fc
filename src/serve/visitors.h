/* visitors.h - connections and what they wait for: those that take too long to say what they want are closed.
 *
 * A client that sends a byte now and then is never idle; a thousand of them would keep everyone else out.
 */
#ifndef DIFFTF_SERVE_VISITORS_H
#define DIFFTF_SERVE_VISITORS_H

#include <pthread.h>
#include <stdbool.h>

struct visitor {
    int fd;
    double since; /* when it began to speak, or was last answered */
    bool heard;   /* the head of its request is there */
    struct visitor *next, *before;
};

struct visitors {
    pthread_mutex_t lock;
    struct visitor *first;
    double looked;
};

void visitors_init(struct visitors *v);
void visitors_free(struct visitors *v);
struct visitor *visitors_come(struct visitors *v, int fd);
void visitors_go(struct visitors *v, struct visitor *visitor);
/* Its request has been heard, or answered. */
void visitors_mark(struct visitors *v, struct visitor *visitor, bool heard);
/* Closes those that have been speaking for more than so many seconds, and those whose client has left: libmicrohttpd overlooks
 * the end of a connection that comes together with its last bytes. */
void visitors_check(struct visitors *v, double seconds);

#endif
