/* list.h - lists of names: comma-separated ones, as options and views hold them, and the nearest of several. */
#ifndef DIFFTF_BASE_LIST_H
#define DIFFTF_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Is `name` one of the list's? */
bool list_has(const char *list, const char *name);
/* Sets flags[i] for each of names [n] that the list holds; false when it holds another. */
bool list_flags(bool *flags, const char *list, const char *const *names, size_t n);
/* The one of `names`, which end with NULL, that is most like `name`: by the letters that both have in the same order. */
const char *list_nearest(const char *name, const char *const *names);

#endif
