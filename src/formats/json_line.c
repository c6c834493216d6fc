/* json_line.c - see json_line.h. */
#include "formats/json_line.h"

#include "base/file.h"
#include "base/utf8.h"
#include "formats/json.h"

#include <stdlib.h>
#include <string.h>

/* A noncharacter that stands for NUL while cJSON has the text. */
static const char STAND_IN[] = "\xf4\x8f\xbf\xbf";
static const char STAND_IN_ESCAPE[] = "\\udbff\\udfff";

enum status json_line_read(struct text *out, const char *name, const char *line, size_t length, struct error *err)
{
    struct text source = {0};
    cJSON *root = NULL;
    out->len = 0;
    for (size_t i = 0; i < length;) {
        bool nul = length - i >= 6 && memcmp(line + i, "\\u0000", 6) == 0;
        size_t n = nul ? 6 : line[i] == '\\' && i + 1 < length ? 2 : 1; /* an escaped backslash is no start of an escape */
        text_add(&source, nul ? STAND_IN_ESCAPE : line + i, nul ? 12 : n);
        i += n;
    }
    enum status status = json_parse(&root, name, source.data ? source.data : "", source.len, err);
    if (status == OK && !cJSON_IsString(root))
        status = error_set(err, ERR_INPUT, "%s: is no string, expected one JSON string a line", name);
    for (const char *p = status == OK ? root->valuestring : ""; *p != '\0';) {
        bool nul = strncmp(p, STAND_IN, 4) == 0;
        text_add(out, nul ? "" : p, 1);
        p += nul ? 4 : 1;
    }
    text_add(out, "", 0);
    cJSON_Delete(root);
    text_free(&source);
    return status;
}

bool json_line_write(struct text *out, const char *text, size_t length)
{
    bool ok = text_puts(out, "\"");
    for (size_t i = 0; i < length && ok;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c == '"' || c == '\\')
            ok = text_printf(out, "\\%c", c);
        else if (c < 0x20)
            ok = c == '\n' ? text_puts(out, "\\n") : c == '\t' ? text_puts(out, "\\t") : text_printf(out, "\\u%04x", c);
        else if (length - i >= n && utf8_valid(text + i, n))
            ok = text_add(out, text + i, n);
        else {
            ok = text_puts(out, "\xef\xbf\xbd");
            n = 1;
        }
        i += n;
    }
    return ok && text_puts(out, "\"");
}
