/* validate.h - is a document a report that everything behind this door may trust?
 *
 * Reports come from strangers. They are looked at once, where they are read, against what tables, comparisons, checks, charts and
 * the page rely on (docs/report.schema.json is the whole promise; members that it does not know are left alone).
 */
#ifndef DIFFTF_REPORT_VALIDATE_H
#define DIFFTF_REPORT_VALIDATE_H

#include "formats/json.h"

/* The error names the file and the place in the document: "r.json: views[0].kind: is missing, expected a string". */
enum status report_validate(const cJSON *report, const char *path, struct error *err);

#endif
