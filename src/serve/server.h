/* server.h - models behind HTTP, in the protocol of OpenAI's completions (docs/serve.md, docs/protocol.md). */
#ifndef DIFFTF_SERVE_SERVER_H
#define DIFFTF_SERVE_SERVER_H

#include "serve/settings.h"

#include <signal.h>

/* Serves until *stop, then finishes what runs; `ready` is told the address first. */
enum status server_run(const struct served_list *models, const struct server_settings *settings,
                       const volatile sig_atomic_t *stop, void (*ready)(const char *address), struct error *err);

#endif
