/* list.c - see list.h. */
#include "base/list.h"

#include <string.h>

static const char *next(const char *entry)
{
    entry += strcspn(entry, ",");
    return entry + (*entry == ',');
}

static bool is_entry(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return strcspn(entry, ",") == n && strncmp(entry, name, n) == 0;
}

bool list_has(const char *list, const char *name)
{
    for (; *list != '\0'; list = next(list))
        if (is_entry(list, name))
            return true;
    return false;
}

bool list_flags(bool *flags, const char *list, const char *const *names, size_t n)
{
    for (; *list != '\0'; list = next(list)) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            if (is_entry(list, names[i]))
                found = flags[i] = true;
        if (!found)
            return false;
    }
    return true;
}

/* Letters of a and b [at most 63] in the same order (the longest common subsequence), twice, as a share of all letters. */
static double likeness(const char *a, const char *b)
{
    enum { MOST = 63 };
    size_t row[MOST + 1] = {0}, n = strnlen(b, MOST), m = strnlen(a, MOST);
    for (size_t i = 0; i < m; i++) {
        size_t diagonal = 0;
        for (size_t j = 1; j <= n; j++) {
            size_t above = row[j];
            row[j] = a[i] == b[j - 1] ? diagonal + 1 : row[j] > row[j - 1] ? row[j] : row[j - 1];
            diagonal = above;
        }
    }
    return m + n > 0 ? 2 * (double)row[n] / (double)(m + n) : 0;
}

const char *list_nearest(const char *name, const char *const *names)
{
    const char *nearest = names[0];
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(name, names[i]) == 0)
            return names[i];
        if (likeness(name, names[i]) > likeness(name, nearest))
            nearest = names[i];
    }
    return nearest;
}
