/* added.c - see added.h. */
#include "lm/added.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* First child and next sibling; the root is node 0. */
struct node {
    int32_t child, sibling, token;
    unsigned char byte;
};

struct added_trie {
    const struct added *tokens;
    struct node *nodes;
    size_t n, capacity;
    int32_t first[256]; /* children of the root, by byte */
};

static int32_t find_child(const struct added_trie *t, int32_t node, unsigned char byte)
{
    int32_t at = node < 0 ? t->first[byte] : t->nodes[node].child;
    while (node >= 0 && at >= 0 && t->nodes[at].byte != byte)
        at = t->nodes[at].sibling;
    return at;
}

static int32_t add_child(struct added_trie *t, int32_t node, unsigned char byte)
{
    if (!mem_grow((void **)&t->nodes, &t->capacity, t->n + 1, sizeof *t->nodes))
        return -1;
    int32_t at = (int32_t)t->n++;
    t->nodes[at] = (struct node){-1, node < 0 ? -1 : t->nodes[node].child, -1, byte};
    *(node < 0 ? &t->first[byte] : &t->nodes[node].child) = at;
    return at;
}

struct added_trie *added_trie_make(const struct added *tokens, const char *const *matched, size_t n)
{
    struct added_trie *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->tokens = tokens;
    memset(t->first, 0xff, sizeof t->first);
    for (size_t i = 0; i < n; i++) {
        const char *content = matched ? matched[i] : tokens[i].content;
        int32_t node = -1;
        if (content == NULL || content[0] == '\0' || tokens[i].unmatched)
            continue;
        for (const char *c = content; *c != '\0'; c++) {
            int32_t next = find_child(t, node, (unsigned char)*c);
            node = next >= 0 ? next : add_child(t, node, (unsigned char)*c);
            if (node < 0) {
                added_trie_free(t);
                return NULL;
            }
        }
        if (t->nodes[node].token < 0) /* of two with one content the first counts */
            t->nodes[node].token = (int32_t)i;
    }
    return t;
}

void added_trie_free(struct added_trie *t)
{
    if (t != NULL)
        free(t->nodes);
    free(t);
}

/* A letter, mark, digit or connector: what \w is in Unicode, with the circled and squared letters that count as alphabetic. */
static bool is_word(uint32_t c)
{
    if ((c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
        (c >= 0x1f170 && c <= 0x1f189))
        return true;
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC || c == 0x200c || c == 0x200d;
}

/* Does the match stand alone, without a word's character on either side? */
static bool stands_alone(const char *text, size_t length, size_t from, size_t to)
{
    size_t before = from, width;
    if (from > 0) {
        do
            before--;
        while (before > 0 && ((unsigned char)text[before] & 0xc0) == 0x80);
        if (is_word(utf8_at(text, length, before, &width)))
            return false;
    }
    return to >= length || !is_word(utf8_at(text, length, to, &width));
}

/* The longest token at a place. */
static const struct added *match_at(const struct added_trie *t, const char *text, size_t length, size_t at, size_t *to)
{
    const struct added *best = NULL;
    int32_t node = -1;
    for (size_t i = at; i < length && (node = find_child(t, node, (unsigned char)text[i])) >= 0; i++)
        if (t->nodes[node].token >= 0) {
            best = &t->tokens[t->nodes[node].token];
            *to = i + 1;
        }
    return best;
}

const struct added *added_find(const struct added_trie *t, const char *text, size_t length, size_t at, size_t *from, size_t *to)
{
    for (size_t i = at; t->n > 0 && i < length; i++) {
        const struct added *a = t->first[(unsigned char)text[i]] < 0 ? NULL : match_at(t, text, length, i, to);
        if (a == NULL)
            continue;
        if (a->single_word && !stands_alone(text, length, i, *to)) {
            i = *to - 1;
            continue;
        }
        *from = a->lstrip ? at + utf8_rstrip(text + at, i - at) : i;
        *to += a->rstrip ? utf8_lstrip(text + *to, length - *to) : 0;
        return a;
    }
    return NULL;
}
