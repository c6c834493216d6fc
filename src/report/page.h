/* page.h - one self-contained HTML page from reports: summary, claims of the paper, then each report's pictures and tables. */
#ifndef DIFFTF_REPORT_PAGE_H
#define DIFFTF_REPORT_PAGE_H

#include "base/status.h"
#include "report/table.h"

#include <cjson/cJSON.h>

/* `paths`: array of report files. The page needs no network. */
enum status page_write_files(const char *path, const char *title, const cJSON *paths, struct error *err);
/* The same in two steps: adds the reports to an array; writes parsed ones, of which those that were scored again are dropped. */
enum status page_read(cJSON *reports, const cJSON *paths, struct error *err);
enum status page_write(const char *path, const char *title, cJSON *reports, struct error *err);

/* Members of reports in memory: the file that one was read from, as it was named; what the model was given, of an item
 * (task.h, `prompt`). */
#define PAGE_SOURCE "source_file"
#define PAGE_PROMPT "prompt"
/* Are the models' scores not all equal? */
bool page_item_differs(const cJSON *item);

/* What every page begins and ends with; between them: the rest of the header with </header> and <main>, then what it holds. A
 * page may have a script of its own beside the one of all pages, NULL: none. Nothing else may run: the page's policy names both
 * by their digests, and forbids style attributes and event handlers in the markup. */
void page_open(struct text *out, const char *title, const char *const *script);
void page_close(struct text *out, const char *const *script);
/* Writes a finished page when `status` is OK, and releases the text in any case. */
enum status page_save(const char *path, struct text *out, enum status status, struct error *err);

/* Style sheet and script of the page, line by line; NULL ends them. */
extern const char *const PAGE_STYLE[], *const PAGE_SCRIPT[];

#endif
