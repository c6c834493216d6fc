/* pattern.h - regular expressions from files: what is wrong with one, and matching that never takes a failure for "no match". */
#ifndef DIFFTF_FORMATS_PATTERN_H
#define DIFFTF_FORMATS_PATTERN_H

#include "base/status.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Compiles a pattern (PCRE2's options); `name` and key stand before the message. The caller frees it by pcre2_code_free. */
enum status pattern_compile(pcre2_code **code, const char *pattern, uint32_t options, const char *name, const char *key,
                            struct error *err);
/* pcre2_match; where the stack of compiled matching is too small, it is done again by the interpreter, whose memory grows. */
int pattern_match(const pcre2_code *code, const char *text, size_t length, size_t at, uint32_t options, pcre2_match_data *match);
/* What a negative result other than PCRE2_ERROR_NOMATCH is: ERR_SYSTEM out of memory, else ERR_INPUT, a pattern that takes too
 * long on the text. */
enum status pattern_failed(int result, const char *name, struct error *err);

#endif
