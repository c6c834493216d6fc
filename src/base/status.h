/* status.h - how every function that can fail says so.
 *
 * A function that can fail returns a status code and writes one line into the
 * caller's `struct error`: "<file or option>: <what is wrong>, <what was
 * expected>".  Nothing below the command line prints or exits.
 */
#ifndef DIFFTF_BASE_STATUS_H
#define DIFFTF_BASE_STATUS_H

enum status {
    OK = 0,
    ERR_REGRESSION = 1, /* a check found one                              */
    ERR_USAGE = 2,      /* wrong options                                        */
    ERR_INPUT = 3,      /* a file is invalid, missing or does not fit           */
    ERR_SYSTEM = 4,     /* memory, disk or another part of the system failed    */
    ERR_STOPPED = 5,    /* a signal asked to stop; the work so far is kept      */
};

struct error {
    enum status code;
    char message[1024];
};

/* Writes the message (printf style) into `err`, which may be NULL. */
void error_write(struct error *err, enum status code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same as an expression whose value is the code; a macro, so that readers and analysers see that it is never OK. */
#define error_set(err, code, ...) (error_write(err, code, __VA_ARGS__), (enum status)(code))

#endif
