/* page_items.c - single items, to be filtered; see page_parts.h. */
#include "report/page_parts.h"

void page_items(struct text *out, const cJSON *report, int index)
{
    (void)out;
    (void)report;
    (void)index;
}
