/* page_parts.h - the parts of the page; see page.h. */
#ifndef DIFFTF_REPORT_PAGE_PARTS_H
#define DIFFTF_REPORT_PAGE_PARTS_H

#include "base/memory.h"
#include "base/status.h"

#include <cjson/cJSON.h>

/* The first screen: what was compared, the paper's claims beside it, every setting folded away, a picture of each claim. */
enum status page_summary(struct text *out, const cJSON *reports, struct error *err);
/* A picture of one claim: the paper's two figures, ours, and the difference with its interval. */
void page_claim_card(struct text *out, const cJSON *claim);
/* Single items of a report, to be filtered: what was asked, both outputs and scores. Adds nothing where there are none. */
void page_items(struct text *out, const cJSON *report, int index);

#endif
