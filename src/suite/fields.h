/* fields.h - members of records under other names: the option --field. */
#ifndef DIFFTF_SUITE_FIELDS_H
#define DIFFTF_SUITE_FIELDS_H

#include "formats/json.h"

/* Gives each record of the array new members, "new=old,..", where `old` is
 *   a path, answers.0.text: members and numbers of elements, with dots between (a member's name may hold dots itself);
 *   a path with a name where a list is, answers.text: that member of each element, as a list;
 *   a constant, 'text' or "text": the same for every record.
 * Old values stay that of the record as it was read: a=b,b=a exchanges two. NULL: nothing to do. */
enum status fields_apply(cJSON *records, const char *fields, const char *path, struct error *err);

#endif
