/* id_list.h - a growing list of token ids. */
#ifndef DIFFTF_LM_ID_LIST_H
#define DIFFTF_LM_ID_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids {
    int32_t *data;
    size_t n, capacity;
};
/* False when out of memory; the list stays as it is. */
bool ids_add(struct ids *ids, int32_t id);
void ids_free(struct ids *ids);

#endif
