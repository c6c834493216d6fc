/* program.c - see program.h. */
#include "base/program.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/startup.h"
#include "base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t stop_second;
/* The handlers need them. */
static volatile sig_atomic_t ends_by_itself, ended, exit_code;

static void on_stop(int number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* Sooner it is the same wish: a terminal, make and timeout each pass a signal on. */
    if (!ends_by_itself || (stop_signal != 0 && now.tv_sec - stop_second > 1)) {
        file_writers_abandon();
        progress_clear();
        _exit(128 + number);
    }
    if (stop_signal == 0)
        stop_second = (sig_atomic_t)now.tv_sec;
    stop_signal = number;
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    const char *path = file_map_path(info->si_addr);
    if (path != NULL)
        program_fail(ERR_INPUT, path, "has become shorter or unreadable while it was used, expected a file that stays as it is");
    program_fail(ERR_SYSTEM, "memory", "a page cannot be had");
}

#ifndef __SANITIZE_ADDRESS__
static void on_alarm(int number)
{
    (void)number;
    _exit(exit_code);
}
#endif

/* exit() by anyone but main: the OpenMP runtime does so when it cannot start a thread. It has said why. */
static void on_exit_of_library(void)
{
    if (ended)
        return;
    program_fail(ERR_SYSTEM, "threads or memory", "the system gives no more of them, expected fewer --threads or a higher limit");
}

/* Descriptor 1 is opened for reading: what is printed into it is lost, and that is an error. */
static void take_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDWR};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", modes[fd]) != fd)
            _exit(ERR_SYSTEM);
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop}, before;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &stop, NULL);
    struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &bus, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void program_start(const char *name, bool stops)
{
    ends_by_itself = stops;
    fail_name(name);
    take_descriptors();
    startup();
    catch_signals();
    atexit(on_exit_of_library);
    progress_enable(true);
}

int program_end(enum status status, const struct error *err)
{
    struct error output = {0};
    bool written = !ferror(stdout) && fflush(stdout) == 0;
    written = fclose(stdout) == 0 && written;
    progress_clear();
    if (status == OK && !written) {
        status = error_set(&output, ERR_SYSTEM, "standard output: cannot be written, expected a place for all of it");
        err = &output;
    }
    if (status != OK && err != NULL && err->message[0] != '\0')
        fprintf(stderr, "%s: %s\n", fail_name_given(), err->message);
    exit_code = status == ERR_STOPPED ? 128 + stop_signal : (int)status;
    ended = 1;
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks at the end */
    signal(SIGALRM, on_alarm);
    alarm(1);
#endif
    return exit_code;
}
