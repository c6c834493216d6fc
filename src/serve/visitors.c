/* visitors.c - see visitors.h. */
#include "serve/visitors.h"

#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

void visitors_init(struct visitors *v)
{
    *v = (struct visitors){0};
    pthread_mutex_init(&v->lock, NULL);
}

void visitors_free(struct visitors *v)
{
    while (v->first != NULL)
        visitors_go(v, v->first);
    pthread_mutex_destroy(&v->lock);
}

struct visitor *visitors_come(struct visitors *v, int fd)
{
    struct visitor *new = calloc(1, sizeof *new);
    pthread_mutex_lock(&v->lock);
    *new = (struct visitor){.fd = fd, .since = clock_seconds(), .next = v->first};
    if (v->first != NULL)
        v->first->before = new;
    v->first = new;
    pthread_mutex_unlock(&v->lock);
    return new;
}

void visitors_go(struct visitors *v, struct visitor *old)
{
    pthread_mutex_lock(&v->lock);
    *(old->before ? &old->before->next : &v->first) = old->next;
    if (old->next != NULL)
        old->next->before = old->before;
    pthread_mutex_unlock(&v->lock);
    free(old);
}

void visitors_mark(struct visitors *v, struct visitor *visitor, bool heard)
{
    pthread_mutex_lock(&v->lock);
    visitor->heard = heard;
    visitor->since = clock_seconds();
    pthread_mutex_unlock(&v->lock);
}

static bool has_left(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void visitors_check(struct visitors *v, double seconds)
{
    double now = clock_seconds();
    pthread_mutex_lock(&v->lock);
    for (struct visitor *i = now - v->looked > 1 ? v->first : NULL; i != NULL; i = i->next)
        if (now - i->since > 1 && (has_left(i->fd) || (!i->heard && now - i->since > seconds)))
            shutdown(i->fd, SHUT_RDWR); /* its thread closes it */
    v->looked = now - v->looked > 1 ? now : v->looked;
    pthread_mutex_unlock(&v->lock);
}
