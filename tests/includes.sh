#!/bin/sh
# The house: includes go down, never up, sideways or in a circle; no file grows too long; every test says what it holds.
. tests/check.inc

none() {
    cat "$1"
    [ ! -s "$1" ] && echo none
}

# Unit and unit that it includes, a line each; a unit is a file and its header.
for file in $(find src tasks -name '*.[ch]'); do
    sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file" | while read -r header; do
        for found in "src/$header" "$header" "$(dirname "$file")/$header"; do
            [ -f "$found" ] && echo "${file%.?} ${found%.?}" && break
        done
    done
done | awk '$1 != $2' | sort -u >"$tmp/edges"
check "there are includes to draw" 0 "[0-9]\{3\}" wc -l "$tmp/edges"

tsort "$tmp/edges" >/dev/null 2>"$tmp/circle"
check "no units include each other, through others neither" 0 none none "$tmp/circle"

# folder: what it may include beside itself
awk 'BEGIN {
    may["src/base"] = ""
    may["src/formats"] = "src/base"
    may["src/numeric"] = may["src/formats"] " src/formats"
    may["src/model"] = may["src/numeric"] " src/numeric"
    may["src/lm"] = may["src/model"] " src/model"
    may["src/report"] = may["src/lm"] " src/lm"
    may["src/suite"] = may["src/report"] " src/report"
    may["src/train"] = may["src/suite"]
    may["tasks"] = may["src/suite"] " src/suite src/train"
    may["src/serve"] = may["tasks"] " tasks"
    may["src/cli"] = may["src/serve"] " src/serve"
    may["src/api"] = may["src/cli"] " src/cli"
}
{
    from = $1; to = $2
    sub("/[^/]*$", "", from); sub("/[^/]*$", "", to)
    if (from != to && index(" " may[from] " ", " " to " ") == 0)
        print $1 " includes " $2
}' "$tmp/edges" >"$tmp/upward"
check "none includes upward or sideways" 0 none none "$tmp/upward"

find src tasks bench tools tests examples -name '*.[ch]' -exec wc -l {} + | awk '$2 != "total" && $1 > 450' >"$tmp/long"
check "no file is longer than 450 lines" 0 none none "$tmp/long"

for file in tests/*/*.c; do
    head -1 "$file" | grep -q '^/\* ' || echo "$file"
done >"$tmp/silent"
for file in tests/*.sh; do
    sed -n 2p "$file" | grep -q '^# ' || echo "$file"
done >>"$tmp/silent"
check "every test says what it holds" 0 none none "$tmp/silent"
echo done
