/* probes.c - see probes.h. */
#include "serve/probes.h"

static bool wants(const struct probe *p, size_t layer, size_t position)
{
    return p->wants_row != NULL && p->wants_row(p->context, layer, position);
}

static bool wants_row(void *context, size_t layer, size_t position)
{
    const struct probes *all = context;
    size_t i = 0;
    while (i < all->n && !wants(&all->probe[i], layer, position))
        i++;
    return i < all->n;
}

static void on_row(void *context, size_t layer, size_t head, size_t position, const float *row)
{
    const struct probes *all = context;
    for (size_t i = 0; i < all->n; i++)
        if (wants(&all->probe[i], layer, position))
            all->probe[i].on_row(all->probe[i].context, layer, head, position, row);
}

static void on_logits(void *context, size_t layer, size_t head, size_t map, size_t position, size_t first_key, size_t rows,
                      const float *logits)
{
    const struct probes *all = context;
    for (size_t i = 0; i < all->n; i++)
        if (all->probe[i].on_logits != NULL)
            all->probe[i].on_logits(all->probe[i].context, layer, head, map, position, first_key, rows, logits);
}

static void on_hidden(void *context, size_t layer, size_t start, size_t rows, const float *hidden, size_t width)
{
    const struct probes *all = context;
    for (size_t i = 0; i < all->n; i++)
        if (all->probe[i].on_hidden != NULL)
            all->probe[i].on_hidden(all->probe[i].context, layer, start, rows, hidden, width);
}

static void on_final(void *context, size_t start, size_t rows, const float *normed, size_t width)
{
    const struct probes *all = context;
    for (size_t i = 0; i < all->n; i++)
        if (all->probe[i].on_final != NULL)
            all->probe[i].on_final(all->probe[i].context, start, rows, normed, width);
}

struct probe probes_combine(struct probes *all)
{
    struct probe one = {.context = all};
    for (size_t i = 0; i < all->n; i++) {
        const struct probe *p = &all->probe[i];
        if (p->wants_row != NULL) {
            one.wants_row = wants_row;
            one.on_row = on_row;
        }
        one.on_logits = p->on_logits != NULL ? on_logits : one.on_logits;
        one.on_hidden = p->on_hidden != NULL ? on_hidden : one.on_hidden;
        one.on_final = p->on_final != NULL ? on_final : one.on_final;
    }
    return one;
}
