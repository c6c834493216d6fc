/* attention_page.h - a page to look at the attention of one text: the maps A1 and A2 of every head, lambda, and A1 - lambda A2,
 * of one model or several beside one another. */
#ifndef DIFFTF_REPORT_ATTENTION_PAGE_H
#define DIFFTF_REPORT_ATTENTION_PAGE_H

#include "lm/attention_maps.h"
#include "lm/tokenizer.h"

/* Figures of all models together that a page holds in less than 20 MB. */
#define ATTENTION_PAGE_FIGURES 6000000

struct attention_subject {
    const char *name, *family;
    const struct tokenizer *tokenizer; /* NULL: tokens are shown as their ids */
    const int32_t *ids;
    struct attention_maps maps;
};

enum status attention_page_write(const char *path, const char *title, const struct attention_subject *subjects, size_t n,
                                 struct error *err);

/* Script of the viewer, line by line; NULL ends it. */
extern const char *const ATTENTION_SCRIPT[];

#endif
