/* program.h - what every program of the suite does first and last: descriptors, signals, exit codes.
 *
 *  - The descriptors 0, 1 and 2 are taken, so that no file is ever written into as if it were one of them.
 *  - SIGINT, SIGTERM and SIGHUP (unless it is ignored, as nohup does) ask to stop: `stop_signal`. Asked again a second or more
 *    later, the program stops at once.
 *  - A closed pipe (SIGPIPE) and a file that may not grow (SIGXFSZ) are failed writes.
 *  - A mapped file that becomes shorter (SIGBUS) ends the program with one line and ERR_INPUT.
 *  - A library that ends the program by itself (the OpenMP runtime without memory for a thread) ends it with ERR_SYSTEM.
 *  - Output that could not be written is an error, and the end takes no longer than a second, whatever a library does then.
 */
#ifndef DIFFTF_BASE_PROGRAM_H
#define DIFFTF_BASE_PROGRAM_H

#include "base/status.h"

#include <signal.h>
#include <stdbool.h>

/* The number of the signal that asked to stop, or 0. */
extern volatile sig_atomic_t stop_signal;

/* First call of every `main`; `name` begins its messages and stays the caller's. A program that does not look at `stop_signal`
 * (`stops` is false) is ended by the first signal. */
void program_start(const char *name, bool stops);
/* Last call of every `main`: prints the error, if there is one, closes standard output and returns the exit code. */
int program_end(enum status status, const struct error *err);

#endif
