/* wrapped.c - what the linker puts in the place of malloc and its like in the programs; see exhausted.h. */
#include "base/exhausted.h"
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

/* The linker's names (--wrap) for the calls of the project's own code, and for the functions behind them. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t n);

void *__wrap_malloc(size_t size)
{
    void *p = __real_malloc(size);
    if (p == NULL && size > 0)
        exhausted(size);
    return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
    void *p = __real_calloc(count, size);
    size_t bytes;
    if (p == NULL && count > 0 && size > 0)
        exhausted(size_mul(count, size, &bytes) ? bytes : SIZE_MAX);
    return p;
}

void *__wrap_realloc(void *old, size_t size)
{
    void *p = __real_realloc(old, size);
    if (p == NULL && size > 0)
        exhausted(size);
    return p;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    enum { PLANNED = 8 << 20 }; /* from here on the caller says what the array was for */
    void *p = __real_aligned_alloc(alignment, size);
    if (p == NULL && size < PLANNED)
        exhausted(size);
    return p;
}

char *__wrap_strdup(const char *string)
{
    return __wrap_strndup(string, strlen(string));
}

char *__wrap_strndup(const char *string, size_t n)
{
    n = strnlen(string, n);
    char *copy = __wrap_malloc(n + 1);
    memcpy(copy, string, n);
    copy[n] = '\0';
    return copy;
}
