/* added.h - tokens that are found in a text before it is cut into pieces, as the tokenizers library finds them.
 *
 * A trie over their contents is walked from every place of a text: the longest one there wins, and the time grows with the text
 * and the longest content, not with the number of tokens. Those that are not `normalized` are found in the text as it is, the
 * others in what the normalizer makes of what is left. */
#ifndef DIFFTF_LM_ADDED_H
#define DIFFTF_LM_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct added {
    char *content;
    size_t length;
    int32_t id;
    bool special, lstrip, rstrip, single_word, normalized;
    bool unmatched; /* a control token: text never gives it */
};

struct added_trie;
/* Takes nothing over: the tokens must outlive it. `matched` (NULL: content) is what to look for instead, [n]; NULL members are
 * left out. NULL when out of memory. */
struct added_trie *added_trie_make(const struct added *tokens, const char *const *matched, size_t n);
void added_trie_free(struct added_trie *trie);

/* The first token in text from byte `at` on: text[*from, *to) with the white space that it takes along; NULL when there is none.
 * White space is taken back to `at` at most. */
const struct added *added_find(const struct added_trie *trie, const char *text, size_t length, size_t at, size_t *from,
                               size_t *to);

#endif
