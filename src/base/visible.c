/* visible.c - see visible.h. */
#include "base/visible.h"

#include "base/utf8.h"

#include <string.h>

enum { MOST = 8 }; /* bytes of one character as it is shown */

static size_t width_of(const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return strnlen(text, n) == n && utf8_valid(text, n) ? n : 0;
}

static bool is_hostile(unsigned point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* The first character of a text that is not empty, as it is shown; returns how many bytes of the text it is. */
static size_t show(char out[MOST], const char *text, bool one_line)
{
    size_t n = width_of(text);
    unsigned char c = (unsigned char)text[0];
    unsigned point = n == 2   ? (c & 0x1fu) << 6 | ((unsigned char)text[1] & 0x3fu)
                     : n == 3 ? (c & 0x0fu) << 12 | ((unsigned char)text[1] & 0x3fu) << 6 | ((unsigned char)text[2] & 0x3fu)
                              : c;
    if (n == 0 || (n == 1 && is_hostile(c) && (one_line || (c != '\n' && c != '\t')))) {
        snprintf(out, MOST, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x%02x", c);
        return 1;
    }
    if ((n == 2 || n == 3) && is_hostile(point)) {
        snprintf(out, MOST, "\\u%04x", point);
        return n;
    }
    memcpy(out, text, n);
    out[n] = '\0';
    return n;
}

bool visible_text(struct text *out, const char *text, bool one_line)
{
    char shown[MOST];
    bool ok = text_puts(out, "");
    while (ok && *text != '\0') {
        text += show(shown, text, one_line);
        ok = text_puts(out, shown);
    }
    return ok;
}

void visible_copy(char *out, size_t size, const char *text)
{
    char shown[MOST];
    size_t length = 0;
    while (*text != '\0') {
        text += show(shown, text, true);
        if (length + strlen(shown) >= size)
            break;
        memcpy(out + length, shown, strlen(shown));
        length += strlen(shown);
    }
    out[length] = '\0';
}

void say(FILE *to, const char *format, ...)
{
    struct text raw = {0}, shown = {0};
    va_list args;
    va_start(args, format);
    text_vprintf(&raw, format, args);
    va_end(args);
    visible_text(&shown, raw.data ? raw.data : "", false);
    fputs(shown.data ? shown.data : "", to);
    text_free(&raw);
    text_free(&shown);
}
