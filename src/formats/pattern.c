/* pattern.c - see pattern.h. */
#include "formats/pattern.h"

enum status pattern_compile(pcre2_code **code, const char *pattern, uint32_t options, const char *name, const char *key,
                            struct error *err)
{
    int number = 0;
    PCRE2_SIZE at = 0;
    *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number, &at, NULL);
    if (*code != NULL)
        return OK;
    return number == PCRE2_ERROR_HEAP_FAILED
               ? error_set(err, ERR_SYSTEM, "%s: key '%s': out of memory for a pattern", name, key)
               : error_set(err, ERR_INPUT, "%s: key '%s': the pattern is wrong at character %zu", name, key, (size_t)at);
}

int pattern_match(const pcre2_code *code, const char *text, size_t length, size_t at, uint32_t options, pcre2_match_data *match)
{
    int found = pcre2_match(code, (PCRE2_SPTR)text, length, at, options, match, NULL);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
        found = pcre2_match(code, (PCRE2_SPTR)text, length, at, options | PCRE2_NO_JIT, match, NULL);
    return found;
}

enum status pattern_failed(int result, const char *name, struct error *err)
{
    return result == PCRE2_ERROR_NOMEMORY
               ? error_set(err, ERR_SYSTEM, "%s: out of memory for a pattern", name)
               : error_set(err, ERR_INPUT, "%s: a pattern takes too long on a text (PCRE2 error %d), expected a simpler one",
                           name, result);
}
