/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <string.h>

#include <utf8proc.h>

uint32_t utf8_at(const char *text, size_t length, size_t at, size_t *width)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(length - at), &c);
    *width = n > 0 ? (size_t)n : 1;
    return n > 0 ? (uint32_t)c : 0xfffd;
}

size_t utf8_count(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

bool utf8_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t utf8_rstrip(const char *text, size_t length)
{
    for (size_t at, width; length > 0; length = at) {
        at = length - 1;
        while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
            at--;
        if (!utf8_is_space(utf8_at(text, length, at, &width)))
            break;
    }
    return length;
}

size_t utf8_lstrip(const char *text, size_t length)
{
    size_t at = 0, width;
    while (at < length && utf8_is_space(utf8_at(text, length, at, &width)))
        at += width;
    return at;
}

bool utf8_valid(const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0; i < length;) {
        unsigned c = s[i];
        size_t extra = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : 9;
        if (extra == 9 || length - i <= extra)
            return false;
        for (size_t k = 1; k <= extra; k++)
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) || (c == 0xf0 && s[i + 1] < 0x90) ||
            (c == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += extra + 1;
    }
    return true;
}

void utf8_mend(char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n && !utf8_valid(text, n); i++)
        if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
}
