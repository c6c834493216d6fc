/* vocabulary.c - fills the tables of vocabulary.h from the `model` of a tokenizer.json. */
#include "lm/vocabulary.h"

#include "base/memory.h"
#include "base/random.h"
#include "lm/byte_level.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t vocabulary_slot(const struct vocabulary *v, const char *bytes, size_t n)
{
    return vocabulary_slot_of(v, hash_bytes(HASH_START, bytes, n));
}

size_t vocabulary_slot_of(const struct vocabulary *v, uint64_t hash)
{
    return (hash ^ hash >> 29) & v->table_mask;
}

int32_t vocabulary_find(const struct vocabulary *v, const char *bytes, size_t n)
{
    return vocabulary_find_at(v, vocabulary_slot(v, bytes, n), bytes, n);
}

int32_t vocabulary_find_at(const struct vocabulary *v, size_t slot, const char *bytes, size_t n)
{
    for (size_t i = slot; v->by_bytes[i] >= 0; i = (i + 1) & v->table_mask) {
        const struct piece *p = &v->pieces[v->by_bytes[i]];
        if (p->length == n && memcmp(p->bytes, bytes, n) == 0)
            return v->by_bytes[i];
    }
    return -1;
}

struct merge *vocabulary_merge(const struct vocabulary *v, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    size_t i = (h >> 20) & v->merge_mask;
    while (v->merges[i].rank >= 0 && (v->merges[i].left != left || v->merges[i].right != right))
        i = (i + 1) & v->merge_mask;
    return &v->merges[i];
}

static size_t power_above(size_t n)
{
    size_t size = 16;
    while (size < 2 * n + 2)
        size *= 2;
    return size;
}

/* Which byte a character of a byte-level string stands for; -1: none. */
enum { STAND_INS = 324 }; /* one past the last */
static void invert_byte_level(int16_t byte_of[STAND_INS])
{
    for (size_t i = 0; i < STAND_INS; i++)
        byte_of[i] = -1;
    for (int b = 0; b < 256; b++)
        byte_of[byte_level_char((unsigned char)b)] = (int16_t)b;
}

/* The bytes behind a vocabulary string: every character stands for one byte. NULL when one does not. */
static char *raw_bytes(const int16_t byte_of[STAND_INS], const char *s, size_t *length)
{
    char *out = malloc(strlen(s) + 1);
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; out != NULL && *p != '\0';) {
        uint32_t c = *p < 0x80 ? *p : (uint32_t)(*p & 0x1f) << 6 | (p[1] & 0x3f);
        p += *p < 0x80 ? 1 : *p < 0xe0 ? 2 : 3;
        if (p[-1] == '\0' || c >= STAND_INS || byte_of[c] < 0) {
            free(out);
            return NULL;
        }
        out[n++] = (char)byte_of[c];
    }
    *length = n;
    return out;
}

/* An entry of the vocabulary: a member of an object {string: id}, or a pair [string, score] whose id is its place. */
struct entry {
    const char *string;
    double id, score;
};

static bool read_entry(struct entry *e, const cJSON *item, size_t place)
{
    if (cJSON_IsNumber(item) && item->string != NULL) {
        *e = (struct entry){item->string, item->valuedouble, 0};
        return true;
    }
    const cJSON *string = cJSON_IsArray(item) ? item->child : NULL, *score = string ? string->next : NULL;
    if (string == NULL || !cJSON_IsString(string) || !cJSON_IsNumber(score))
        return false;
    *e = (struct entry){string->valuestring, (double)place, score->valuedouble};
    return true;
}

static bool is_id(double id)
{
    return id >= 0 && id <= 1 << 24 && id == (double)(int)id;
}

/* The number of ids: one more than the largest of the vocabulary and of the added tokens. */
static enum status count_pieces(struct vocabulary *v, const cJSON *vocab, const cJSON *added, const char *path, struct error *err)
{
    double largest = -1;
    size_t place = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, vocab)
    {
        struct entry e = {"?", -1, 0};
        if (!read_entry(&e, item, place++) || !is_id(e.id))
            return error_set(err, ERR_INPUT, "%s: token '%.60s' has a wrong id, expected an integer from 0", path,
                             item->string ? item->string : e.string);
        largest = e.id > largest ? e.id : largest;
    }
    cJSON_ArrayForEach(item, added)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        if (!cJSON_IsNumber(id) || !is_id(id->valuedouble))
            return error_set(err, ERR_INPUT, "%s: an entry of 'added_tokens' has a wrong id, expected an integer from 0", path);
        largest = id->valuedouble > largest ? id->valuedouble : largest;
    }
    if (largest < 0)
        return error_set(err, ERR_INPUT, "%s: key 'model.vocab' is empty, expected tokens", path);
    v->n_pieces = (size_t)(largest + 1);
    return OK;
}

static void find_bytes(struct vocabulary *v)
{
    for (int b = 0; b < 256; b++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        if (v->byte_level)
            name[0] = (char)b;
        v->byte_id[b] = vocabulary_find(v, name, v->byte_level ? 1 : 6);
    }
}

enum status vocabulary_read(struct vocabulary *v, const cJSON *vocab, const cJSON *added, const char *path, struct error *err)
{
    int16_t byte_of[STAND_INS];
    enum status status = count_pieces(v, vocab, added, path, err);
    if (status != OK)
        return status;
    invert_byte_level(byte_of);
    v->table_mask = power_above(v->n_pieces) - 1;
    v->pieces = mem_array(v->n_pieces, sizeof *v->pieces);
    v->by_bytes = mem_array(v->table_mask + 1, sizeof *v->by_bytes);
    if (v->pieces == NULL || v->by_bytes == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    memset(v->by_bytes, 0xff, (v->table_mask + 1) * sizeof *v->by_bytes);
    const cJSON *item;
    size_t place = 0;
    cJSON_ArrayForEach(item, vocab)
    {
        struct entry e = {0};
        read_entry(&e, item, place++);
        struct piece *p = &v->pieces[(size_t)e.id];
        if (p->bytes != NULL)
            return error_set(err, ERR_INPUT, "%s: token '%.60s' has an id that is taken, expected each id once", path, e.string);
        p->score = e.score;
        p->bytes = v->byte_level ? raw_bytes(byte_of, e.string, &p->length) : NULL;
        if (p->bytes == NULL) { /* not a byte-level string: an added token listed in the vocabulary */
            p->bytes = strdup(e.string);
            p->length = strlen(e.string);
        }
        size_t i = vocabulary_slot(v, p->bytes, p->length);
        while (v->by_bytes[i] >= 0)
            i = (i + 1) & v->table_mask;
        v->by_bytes[i] = (int32_t)e.id;
        v->longest = p->length > v->longest ? p->length : v->longest;
    }
    find_bytes(v);
    return OK;
}

static enum status make_merge_table(struct vocabulary *v, size_t n, const char *path, struct error *err)
{
    v->n_merges = n;
    v->merge_mask = power_above(n) - 1;
    v->merges = mem_array(v->merge_mask + 1, sizeof *v->merges);
    if (v->merges == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i <= v->merge_mask; i++)
        v->merges[i].rank = -1;
    return OK;
}

static void put_merge(struct vocabulary *v, int32_t left, int32_t right, int32_t rank, int32_t result)
{
    struct merge *slot = vocabulary_merge(v, left, right);
    if (slot->rank < 0)
        *slot = (struct merge){left, right, rank, result};
}

/* One merge: "left right", or [left, right] in newer files. */
static enum status read_merge(struct vocabulary *v, const int16_t *byte_of, const cJSON *item, int32_t rank, const char *path,
                              struct error *err)
{
    char *line = cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
    const char *left = NULL, *right = NULL;
    if (line != NULL) {
        char *space = strchr(line, ' ');
        if (space != NULL) {
            *space = '\0';
            left = line;
            right = space + 1;
        }
    } else if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 && cJSON_IsString(item->child) &&
               cJSON_IsString(item->child->next)) {
        left = item->child->valuestring;
        right = item->child->next->valuestring;
    }
    size_t nl = left ? strlen(left) : 0, nr = right ? strlen(right) : 0;
    char *l = NULL, *r = NULL;
    if (left != NULL && right != NULL) {
        l = v->byte_level ? raw_bytes(byte_of, left, &nl) : strdup(left);
        r = v->byte_level ? raw_bytes(byte_of, right, &nr) : strdup(right);
    }
    char *both = malloc(nl + nr + 1);
    int32_t a = -1, b = -1, c = -1;
    size_t mark = v->word_inside ? strlen(v->word_inside) : 0; /* the join has that of its left part alone */
    if (l != NULL && r != NULL && both != NULL) {
        mark = mark <= nr && memcmp(r, v->word_inside ? v->word_inside : "", mark) == 0 ? mark : 0;
        memcpy(both, l, nl);
        memcpy(both + nl, r + mark, nr - mark);
        a = vocabulary_find(v, l, nl);
        b = vocabulary_find(v, r, nr);
        c = vocabulary_find(v, both, nl + nr - mark);
    }
    free(line);
    free(l);
    free(r);
    free(both);
    if (a < 0 || b < 0 || c < 0)
        return error_set(err, ERR_INPUT, "%s: merge %d is wrong, expected two tokens of the vocabulary whose join is one too",
                         path, rank);
    put_merge(v, a, b, rank, c);
    return OK;
}

enum status vocabulary_read_merges(struct vocabulary *v, const cJSON *merges, const char *path, struct error *err)
{
    int16_t byte_of[STAND_INS];
    const cJSON *item;
    int32_t rank = 0;
    invert_byte_level(byte_of);
    enum status status = make_merge_table(v, (size_t)cJSON_GetArraySize(merges), path, err);
    cJSON_ArrayForEach(item, merges)
    {
        if (status == OK)
            status = read_merge(v, byte_of, item, rank++, path, err);
    }
    return status;
}

/* A piece by its score, best first. */
struct ranked {
    double score;
    int32_t id;
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : (x->id > y->id) - (x->id < y->id);
}

/* Every way to cut a piece in two pieces: counted, or put into the table with the piece's rank. */
static size_t cut_piece(struct vocabulary *v, int32_t id, int32_t rank, bool put)
{
    const struct piece *p = &v->pieces[id];
    size_t count = 0;
    for (size_t i = 1; i < p->length; i++) {
        int32_t left = vocabulary_find(v, p->bytes, i);
        int32_t right = left < 0 ? -1 : vocabulary_find(v, p->bytes + i, p->length - i);
        if (right < 0)
            continue;
        count++;
        if (put)
            put_merge(v, left, right, rank, id);
    }
    return count;
}

enum status vocabulary_derive_merges(struct vocabulary *v, const char *path, struct error *err)
{
    struct ranked *order = mem_array(v->n_pieces, sizeof *order);
    size_t n = 0, total = 0;
    if (order == NULL)
        return error_set(err, ERR_SYSTEM, "%s: out of memory", path);
    for (size_t i = 0; i < v->n_pieces; i++)
        if (v->pieces[i].bytes != NULL) {
            order[n++] = (struct ranked){v->pieces[i].score, (int32_t)i};
            total += cut_piece(v, (int32_t)i, 0, false);
        }
    qsort(order, n, sizeof *order, best_first);
    enum status status = make_merge_table(v, total, path, err);
    for (size_t i = 0; i < n && status == OK; i++)
        cut_piece(v, order[i].id, (int32_t)i, true);
    free(order);
    return status;
}

void vocabulary_free(struct vocabulary *v)
{
    for (size_t i = 0; v->pieces != NULL && i < v->n_pieces; i++) {
        free(v->pieces[i].bytes);
        free(v->pieces[i].text);
    }
    free(v->pieces);
    free(v->by_bytes);
    free(v->merges);
    free(v->word_end);
    free(v->word_inside);
}

size_t utf8_width(char lead)
{
    unsigned char c = (unsigned char)lead;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}
