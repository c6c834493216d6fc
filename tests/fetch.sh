#!/bin/sh
# tools/fetch-data against a server on the loopback: verified, resumed, never twice.
. tests/check.inc

mkdir -p "$tmp/www" "$tmp/cache"
seq 1 20000 >"$tmp/www/numbers.txt"
(cd "$tmp/www" && echo '{"a": 1}' >inner.jsonl && python3 -m zipfile -c packed.zip inner.jsonl && rm inner.jsonl)
python3 tests/range_server.py "$tmp/www" "$tmp/port" "$tmp/log" &
server=$!
trap 'kill $server; rm -rf "$tmp"' EXIT
until [ -f "$tmp/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$tmp/port")
sum=$(sha256sum "$tmp/www/numbers.txt" | cut -c 1-64)
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$@"; }
{
    row numbers numbers.txt "$url/numbers.txt" "$sum" "public domain"
    row packed packed.zip "$url/packed.zip" - "public domain"
    row wrong numbers.txt "$url/numbers.txt" "$(echo x | sha256sum | cut -c 1-64)" none
    row gone nothing.txt "$url/nothing.txt" - none
} >"$tmp/sources.tsv"
export DIFFTF_SOURCES="$tmp/sources.tsv" XDG_CACHE_HOME="$tmp/cache" no_proxy=127.0.0.1
place=$tmp/cache/difftf/data

check "a data set is fetched, its licence shown" 0 "licence: public domain" tools/fetch-data numbers
check "it is what the publisher has" 0 "" sh -c "cmp '$tmp/www/numbers.txt' '$place/numbers/numbers.txt' && echo"
check "the second time nothing is asked for" 0 "is there" tools/fetch-data numbers
[ "$(grep -c numbers "$tmp/log")" = 1 ] && echo "ok one request for two calls" || echo "not ok one request for two calls"
rm "$place/numbers/numbers.txt" && head -c 5000 "$tmp/www/numbers.txt" >"$place/numbers/numbers.txt.part"
check "a broken download goes on" 0 "numbers.txt" tools/fetch-data numbers
grep -q "numbers.txt 5000" "$tmp/log" && cmp -s "$tmp/www/numbers.txt" "$place/numbers/numbers.txt" && echo "ok from where it stopped" || echo "not ok from where it stopped"
echo damage >>"$place/numbers/numbers.txt"
check "a damaged file is fetched again" 0 "damaged" tools/fetch-data numbers
check "a wrong checksum keeps nothing" 3 "nothing was kept" tools/fetch-data wrong
[ -z "$(ls "$place/wrong")" ] && echo "ok no file is left" || echo "not ok no file is left"
check "without a published checksum the first is recorded" 0 "recorded" tools/fetch-data packed
[ -f "$place/packed/inner.jsonl" ] && echo "ok archives are unpacked" || echo "not ok archives are unpacked"
rm "$place/packed/packed.zip" && echo more >>"$tmp/www/packed.zip"
check "and holds from then on" 3 "nothing was kept" tools/fetch-data packed
check "a file that is gone" 4 "broke off" tools/fetch-data gone
check "an unknown name" 2 "'nothing' is not known, expected one or more of: gone numbers" tools/fetch-data nothing
check "the list" 0 "numbers.txt" tools/fetch-data list
check "all goes through the table" 3 "numbers.txt is there" tools/fetch-data all
echo done
