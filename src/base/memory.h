/* memory.h - allocation with the size arithmetic checked.
 *
 * Kernels want their arrays on cache-line boundaries, and sizes come from
 * files: so every array is made here, from a count and an element size whose
 * product is checked.  All memory is zeroed and is released with free().
 */
#ifndef DIFFTF_BASE_MEMORY_H
#define DIFFTF_BASE_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* a * b in *out; false when it does not fit. */
bool size_mul(size_t a, size_t b, size_t *out);

/* count elements of `size` bytes, zeroed, 64-byte aligned, on large pages where there are many; NULL when they cannot be had. */
void *mem_array(size_t count, size_t size);

/* Makes room for `need` elements in a growing array (doubling); false when out of memory. */
bool mem_grow(void **array, size_t *capacity, size_t need, size_t size);

/* A growing byte string, always terminated by a NUL that `len` does not count. */
struct text {
    char *data;
    size_t len, capacity;
};
bool text_add(struct text *text, const char *bytes, size_t n);
bool text_puts(struct text *text, const char *string);
bool text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_vprintf(struct text *text, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void text_free(struct text *text);

#endif
