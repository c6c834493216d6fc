/* startup.h - what every program of the suite does before it does anything else. */
#ifndef DIFFTF_BASE_STARTUP_H
#define DIFFTF_BASE_STARTUP_H

/* The first part of program_start (base/program.h). Linking it in also brings what runs before the libraries' own start
 * (startup.c): the settings that OpenBLAS and the OpenMP runtime read only then. A program that uses the library alone decides
 * for itself. */
void startup(void);

#endif
