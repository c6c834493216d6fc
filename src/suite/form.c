/* form.c - see form.h. */
#include "suite/form.h"

#include "base/file.h"
#include "base/memory.h"
#include "suite/experiment.h"

#include <stdlib.h>
#include <string.h>

enum status form_load(struct form *f, const char *folder, const char *name, struct error *err)
{
    struct text relative = {0};
    char *text = NULL;
    size_t length = 0;
    *f = (struct form){0};
    text_printf(&relative, "configs/%s/%s.yaml", folder, name);
    f->path = strchr(name, '/') != NULL || file_exists(name) ? strdup(name) : embedded_path(relative.data);
    text_free(&relative);
    enum status status = OK;
    if (!file_exists(f->path))
        status =
            error_set(err, ERR_USAGE, "--form: there is no '%s', expected a YAML file or a name from configs/%s", name, folder);
    if (status == OK)
        status = yaml_read(&f->root, f->path, err);
    if (status == OK)
        status = file_read(&text, &length, f->path, err);
    if (status == OK)
        sha256_hex(f->sha256, text, length);
    free(text);
    if (status != OK)
        form_free(f);
    return status;
}

void form_free(struct form *f)
{
    free(f->path);
    cJSON_Delete(f->root);
    *f = (struct form){0};
}

/* "a, b, c" of the keys that are known; true when `key` is one of them. */
static bool known_keys(struct text *list, const char *key, const struct form_key *keys, size_t n, const char *const *others)
{
    bool found = false;
    for (size_t i = 0; i < n || *others != NULL; i++) {
        const char *name = i < n ? keys[i].name : *others++;
        found = found || strcmp(key, name) == 0;
        text_printf(list, "%s%s", i ? ", " : "", name);
    }
    return found;
}

enum status form_read(const struct form *f, const struct form_key *keys, size_t n, const char *const *others, struct error *err)
{
    const cJSON *member;
    enum status status = OK;
    cJSON_ArrayForEach(member, f->root)
    {
        struct text list = {0};
        if (status == OK && !known_keys(&list, member->string, keys, n, others))
            status =
                error_set(err, ERR_INPUT, "%s: key '%.60s' is not known, expected one of %s", f->path, member->string, list.data);
        text_free(&list);
    }
    for (size_t i = 0; i < n && status == OK; i++)
        status = json_get_string(f->root, keys[i].name, !keys[i].needed, keys[i].value, f->path, err);
    return status;
}
