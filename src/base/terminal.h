/* terminal.h - what a terminal is told beside results: how wide it is, and how far long work has come.
 *
 * A terminal is one for the whole process, and so is the line of progress on it: who works on large files says how far it is, and
 * it is shown when it takes longer than a moment, standard error is a terminal and the program has not switched it off. One piece
 * of work is shown at a time. The line never wraps; it is gone when the work ends, however it ends (program.h).
 */
#ifndef DIFFTF_BASE_TERMINAL_H
#define DIFFTF_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Columns of the terminal behind a descriptor; 80 where there is none. */
int terminal_columns(int fd);

/* A program shows progress (program_start switches it on; a library is silent), or no more. */
void progress_enable(bool on);

/* Work of `total` bytes or items, a line for which begins with `what`, which stays the caller's. */
struct progress {
    const char *what;
    size_t done, total;
    size_t before; /* of `done`, what an earlier run did: it says nothing on the time that is left */
    double started, shown;
    bool bytes, lines; /* lines: where standard error is no terminal, a line every ten seconds */
};
struct progress progress_begin(const char *what, size_t total, bool bytes);
void progress_add(struct progress *p, size_t n);
void progress_end(struct progress *p);
/* Takes the line away; safe in a signal handler. */
void progress_clear(void);

#endif
