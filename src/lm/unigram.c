/* unigram.c - see unigram.h. */
#include "lm/unigram.h"

#include "base/memory.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

/* The best way to reach a place in the text: its last piece. */
struct reach {
    double score;
    size_t from;
    int32_t id; /* -1: a character that is no piece */
};

static void offer(struct reach *at, double score, size_t from, int32_t id)
{
    if (score > at->score)
        *at = (struct reach){score, from, id};
}

static double sum(const struct vocabulary *v, double a, double b)
{
    return v->single ? (double)(float)(a + b) : a + b;
}

/* "<0x0A>" and the like stand for bytes; text that spells them out is not meant. */
static bool is_byte(const struct vocabulary *v, int32_t id)
{
    for (size_t b = 0; b < 256; b++)
        if (v->byte_id[b] == id)
            return true;
    return false;
}

/* Every piece that begins at `from`; the hash grows with the piece. */
static void extend(const struct vocabulary *v, struct reach *reach, const char *bytes, size_t n, size_t from)
{
    uint64_t hash = HASH_START;
    size_t width = utf8_width(bytes[from]), most = n - from < v->longest ? n - from : v->longest;
    bool single = false;
    for (size_t length = 1; length <= most; length++) {
        hash = hash_bytes(hash, bytes + from + length - 1, 1);
        int32_t id = vocabulary_find_at(v, vocabulary_slot_of(v, hash), bytes + from, length);
        if (id < 0 || id == v->unknown || (length == 6 && is_byte(v, id)))
            continue;
        offer(&reach[from + length], sum(v, reach[from].score, v->pieces[id].score), from, id);
        single = single || length == width;
    }
    enum { UNKNOWN_PENALTY = 10 };
    if (!single && from + width <= n)
        offer(&reach[from + width], sum(v, reach[from].score, v->lowest_score - UNKNOWN_PENALTY), from, -1);
}

/* A character that is no piece: its bytes where all have tokens, else unknown, once for several in a row. */
static bool add_unknown(const struct vocabulary *v, const char *bytes, size_t n, bool follows, struct ids *out)
{
    bool all = v->byte_fallback, ok = true;
    for (size_t i = 0; i < n; i++)
        all = all && v->byte_id[(unsigned char)bytes[i]] >= 0;
    for (size_t i = 0; all && ok && i < n; i++)
        ok = ids_add(out, v->byte_id[(unsigned char)bytes[i]]);
    return all || follows || v->unknown < 0 ? ok : ids_add(out, v->unknown);
}

bool unigram_encode(const struct vocabulary *v, const char *bytes, size_t n, struct ids *out)
{
    struct reach *reach = mem_array(n + 1, sizeof *reach);
    size_t *ends = mem_array(n + 1, sizeof *ends), count = 0;
    bool ok = reach != NULL && ends != NULL;
    for (size_t i = 1; ok && i <= n; i++)
        reach[i].score = -INFINITY;
    for (size_t i = 0; ok && i < n; i++)
        if (reach[i].score != -INFINITY)
            extend(v, reach, bytes, n, i);
    for (size_t at = n; ok && at > 0; at = reach[at].from)
        ends[count++] = at;
    for (bool unknown = false; ok && count > 0; count--) {
        const struct reach *r = &reach[ends[count - 1]];
        ok = r->id >= 0 ? ids_add(out, r->id) : add_unknown(v, bytes + r->from, ends[count - 1] - r->from, unknown, out);
        unknown = r->id < 0;
    }
    free(reach);
    free(ends);
    return ok;
}
