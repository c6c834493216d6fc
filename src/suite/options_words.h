/* options_words.h - the words of a choice, "a|b|c"; for the files of options alone. */
#ifndef DIFFTF_SUITE_OPTIONS_WORDS_H
#define DIFFTF_SUITE_OPTIONS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* One word a call: its length, and *next moves on; false after the last. */
bool next_word(const char **next, const char **word, size_t *n);
/* Which word the n bytes are; OPTION_ABSENT when none. */
size_t find_word(const char *words, const char *value, size_t n);
/* A bit for each word of the comma-separated list; 0 when it holds another word or none. */
unsigned find_words(const char *words, const char *list);

#endif
