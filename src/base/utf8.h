/* utf8.h - is a text valid UTF-8, and its characters. */
#ifndef DIFFTF_BASE_UTF8_H
#define DIFFTF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Valid UTF-8 (no overlong forms, no surrogates)? */
bool utf8_valid(const char *text, size_t length);
/* Writes ? over bytes that are no ASCII, from the front, until the text is valid: what a cut has left of a character. */
void utf8_mend(char *text);
/* The character at text[at], and in *width its bytes; what is no character counts as one byte. */
uint32_t utf8_at(const char *text, size_t length, size_t at, size_t *width);
/* Characters, not bytes. */
size_t utf8_count(const char *text, size_t length);
/* White space as Unicode has it, which is what Python's str.strip removes. */
bool utf8_is_space(uint32_t character);
/* Bytes without the white space at the end; bytes of the white space at the beginning. */
size_t utf8_rstrip(const char *text, size_t length);
size_t utf8_lstrip(const char *text, size_t length);

#endif
