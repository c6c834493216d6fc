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
