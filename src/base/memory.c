/* memory.c - checked allocation and growing byte strings; see memory.h. */
#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, LARGE = 4 * HUGE_PAGE };

bool size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

void *mem_array(size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    size_t unit = bytes >= LARGE ? HUGE_PAGE : 64;
    bytes = bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
    void *p = aligned_alloc(unit, bytes);
    if (p == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (unit == HUGE_PAGE)
        madvise(p, bytes, MADV_HUGEPAGE); /* a wish: small pages do, only slower */
#endif
    memset(p, 0, bytes);
    return p;
}

bool mem_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t wanted = *capacity < 16 ? 16 : *capacity, bytes;
    while (wanted < need)
        if (!size_mul(wanted, 2, &wanted))
            return false;
    if (!size_mul(wanted, size, &bytes))
        return false;
    void *p = realloc(*array, bytes);
    if (p == NULL)
        return false;
    *array = p;
    *capacity = wanted;
    return true;
}

bool text_add(struct text *text, const char *bytes, size_t n)
{
    if (n > SIZE_MAX - text->len - 1 || !mem_grow((void **)&text->data, &text->capacity, text->len + n + 1, 1))
        return false;
    if (n > 0)
        memcpy(text->data + text->len, bytes, n);
    text->len += n;
    text->data[text->len] = '\0';
    return true;
}

bool text_puts(struct text *text, const char *string)
{
    return text_add(text, string, strlen(string));
}

bool text_vprintf(struct text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    bool ok = n >= 0 && mem_grow((void **)&text->data, &text->capacity, text->len + (size_t)n + 1, 1);
    if (ok) {
        vsnprintf(text->data + text->len, (size_t)n + 1, format, again);
        text->len += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool ok = text_vprintf(text, format, args);
    va_end(args);
    return ok;
}

void text_free(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}
