/* options_values.c - values of options after parsing; see options.h. */
#include "suite/options.h"

#include "suite/options_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool next_word(const char **next, const char **word, size_t *n)
{
    if (*next == NULL)
        return false;
    const char *bar = strchr(*next, '|');
    *word = *next;
    *n = bar ? (size_t)(bar - *next) : strlen(*next);
    *next = bar ? bar + 1 : NULL;
    return true;
}

size_t find_word(const char *words, const char *value, size_t n)
{
    const char *word;
    size_t length;
    for (size_t i = 0; next_word(&words, &word, &length); i++)
        if (length == n && memcmp(word, value, n) == 0)
            return i;
    return OPTION_ABSENT;
}

unsigned find_words(const char *words, const char *list)
{
    unsigned mask = 0;
    for (;;) {
        size_t n = strcspn(list, ","), i = find_word(words, list, n);
        if (i == OPTION_ABSENT)
            return 0;
        mask |= 1U << i;
        if (list[n] == '\0')
            return mask;
        list += n + 1;
    }
}

double option_number(const cJSON *values, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(values, name));
}

size_t option_size(const cJSON *values, const char *name)
{
    return (size_t)option_number(values, name);
}

const char *option_string(const cJSON *values, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(values, name));
}

bool option_flag(const cJSON *values, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(values, name));
}

/* Lists of different element sizes, all as {data, n}. */
struct list {
    void *data;
    size_t n;
};

static void fill_element(void *to, enum option_kind kind, const cJSON *item)
{
    char *slash;
    if (kind == OPTION_INTS)
        *(size_t *)to = (size_t)item->valuedouble;
    else if (kind == OPTION_NUMBERS)
        *(double *)to = item->valuedouble;
    else if (kind == OPTION_STRINGS)
        *(const char **)to = item->valuestring;
    else
        *(struct ratio *)to = (struct ratio){strtoul(item->valuestring, &slash, 10), strtoul(slash + 1, NULL, 10)};
}

static bool fill_list(void *to, enum option_kind kind, const cJSON *value)
{
    static const size_t sizes[] = {[OPTION_INTS] = sizeof(size_t),
                                   [OPTION_NUMBERS] = sizeof(double),
                                   [OPTION_RATIOS] = sizeof(struct ratio),
                                   [OPTION_STRINGS] = sizeof(const char *)};
    const cJSON *item;
    struct list list = {NULL, 0};
    size_t n = value ? (size_t)cJSON_GetArraySize(value) : 0;
    if (n > 0 && (list.data = mem_array(n, sizes[kind])) != NULL)
        cJSON_ArrayForEach(item, value) fill_element((char *)list.data + sizes[kind] * list.n++, kind, item);
    memcpy(to, &list, sizeof list);
    return list.n == n;
}

unsigned option_choice(const cJSON *values, const char *name, const char *words)
{
    const char *word = option_string(values, name);
    return word != NULL ? (unsigned)find_word(words, word, strlen(word)) : 0;
}

bool options_fill(void *to, const struct option_spec *o, const cJSON *values)
{
    bool ok = true;
    for (; o != NULL && o->name != NULL; o++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(values, o->name);
        void *place = (char *)to + o->offset;
        switch (o->kind) {
        case OPTION_FLAG:
            *(bool *)place = cJSON_IsTrue(value);
            break;
        case OPTION_INT:
            *(size_t *)place = value ? (size_t)value->valuedouble : OPTION_ABSENT;
            break;
        case OPTION_NUMBER:
            *(double *)place = value ? value->valuedouble : (double)NAN;
            break;
        case OPTION_STRING:
            *(const char **)place = value ? value->valuestring : NULL;
            break;
        case OPTION_CHOICE:
            *(unsigned *)place = value ? (unsigned)find_word(o->argument, value->valuestring, strlen(value->valuestring)) : 0;
            break;
        case OPTION_CHOICES:
            *(unsigned *)place = value ? find_words(o->argument, value->valuestring) : 0;
            break;
        default:
            ok = fill_list(place, o->kind, value) && ok;
        }
    }
    return ok;
}

void options_release(void *from, const struct option_spec *o)
{
    for (; from != NULL && o != NULL && o->name != NULL; o++)
        if (o->kind == OPTION_INTS || o->kind == OPTION_NUMBERS || o->kind == OPTION_RATIOS || o->kind == OPTION_STRINGS) {
            struct list list;
            memcpy(&list, (char *)from + o->offset, sizeof list);
            free(list.data);
            memset((char *)from + o->offset, 0, sizeof list);
        }
}
