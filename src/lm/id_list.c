/* id_list.c - see id_list.h. */
#include "lm/id_list.h"

#include "base/memory.h"

#include <stdlib.h>

bool ids_add(struct ids *ids, int32_t id)
{
    if (!mem_grow((void **)&ids->data, &ids->capacity, ids->n + 1, sizeof *ids->data))
        return false;
    ids->data[ids->n++] = id;
    return true;
}

void ids_free(struct ids *ids)
{
    free(ids->data);
    *ids = (struct ids){0};
}
