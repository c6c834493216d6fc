/* form.h - how a data set is asked: a YAML file of a few lines that a user can write, or one of configs/FOLDER. */
#ifndef DIFFTF_SUITE_FORM_H
#define DIFFTF_SUITE_FORM_H

#include "formats/json.h"

struct form {
    char *path, sha256[65];
    cJSON *root;
};

/* A key whose value is text; `value` stays as it is where the file has none. */
struct form_key {
    const char *name;
    const char **value;
    bool needed;
};

/* `name` is a YAML file or the name of one in configs/FOLDER. */
enum status form_load(struct form *f, const char *folder, const char *name, struct error *err);
void form_free(struct form *f);

/* Reads the texts; a key that is neither one of them nor among `others` (NULL-ended) is an error. */
enum status form_read(const struct form *f, const struct form_key *keys, size_t n, const char *const *others, struct error *err);

#endif
