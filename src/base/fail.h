/* fail.h - the end of a program that cannot go on, from any thread. */
#ifndef DIFFTF_BASE_FAIL_H
#define DIFFTF_BASE_FAIL_H

#include "base/status.h"

/* What begins the messages of this program; it stays the caller's. */
void fail_name(const char *name);
const char *fail_name_given(void);
/* Ends the program at once: one line "name: subject: message", no temporary file left, nothing half written. For what no status
 * code can carry to `main`. Safe in a signal handler. */
_Noreturn void program_fail(enum status status, const char *subject, const char *message);

#endif
