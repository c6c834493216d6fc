/* pickle.h - the values that a pickle describes, as far as they are plain ones and PyTorch's tensors. */
#ifndef DIFFTF_FORMATS_PICKLE_H
#define DIFFTF_FORMATS_PICKLE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_OTHER, /* something that is none of the below: it is not made */
    PICKLE_NUMBER,
    PICKLE_STRING,
    PICKLE_LIST,    /* lists and tuples */
    PICKLE_DICT,    /* items: key, value, key, value, .. */
    PICKLE_GLOBAL,  /* text: "module name" */
    PICKLE_STORAGE, /* items as the persistent id has them: "storage", type, key, device, count */
    PICKLE_TENSOR,  /* items: storage, offset, sizes, strides, .. */
    PICKLE_MARK,
};

struct pickle_value {
    enum pickle_kind kind;
    int64_t number;
    char *text;
    struct pickle_value **items; /* not owned: every value belongs to the pickle */
    size_t n, capacity;
};

struct pickle {
    struct pickle_value **values; /* all that were made */
    size_t n_values, values_capacity;
    struct pickle_value *root;
};

enum status pickle_read(struct pickle *pickle, const char *path, const unsigned char *bytes, size_t n, struct error *err);
void pickle_free(struct pickle *pickle);
/* The value under a string key of a dictionary, or NULL. */
const struct pickle_value *pickle_find(const struct pickle_value *dict, const char *key);

#endif
