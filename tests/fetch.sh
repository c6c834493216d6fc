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
printf 'ENTY:cremat What \351 " is it ?\nNUM:date When ?\n' >"$tmp/www/t.label"
(cd "$tmp/www" && echo '{"goal": "g {1}"}' >d.jsonl && echo 1 >d-labels.lst && python3 -m zipfile -c d.zip d.jsonl d-labels.lst && rm d.jsonl d-labels.lst)
printf 'One.\tTwo NEWLINE_CHAR three\n' >"$tmp/www/n.src.cleaned" && echo "- Short \"sum" >"$tmp/www/n.tgt"
printf '{\n  "val": [["no", "x"]],\n  "train": [\n    [\n      "say [a], \\"b\\"",\n      "oil_change"\n    ],\n    ["two", "y"]\n  ],\n  "test": [["three", "y"]]\n}\n' | sed 's/\[a\]/a/' >"$tmp/www/c.json"
cp tests/fixtures/parquet/squad.parquet "$tmp/www"
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$@"; }
{
    row numbers numbers.txt "$url/numbers.txt" "$sum" "public domain"
    row packed packed.zip "$url/packed.zip" - "public domain"
    row wrong numbers.txt "$url/numbers.txt" "$(echo x | sha256sum | cut -c 1-64)" none
    row gone nothing.txt "$url/nothing.txt" - none
    row mirrored numbers.txt "$url/nothing.txt $url/numbers.txt" "$sum" none
    row trec t.label "$url/t.label" - none
    row piqa d.zip "$url/d.zip" - none
    row news n.src.cleaned "$url/n.src.cleaned" - none
    row news n.tgt "$url/n.tgt" - none
    row clinc c.json "$url/c.json" - none
    row answers squad.parquet "$url/squad.parquet" - none
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
check "the second address where the first has nothing" 0 "nothing.txt: the download broke off" tools/fetch-data mirrored
cmp -s "$tmp/www/numbers.txt" "$place/mirrored/numbers.txt" && echo "ok what it gave is whole" || echo "not ok what it gave is whole"

# the sets of the paper, in the form that the program reads
here=$PWD
layout() { printf '%s\t%s\t%s\t%s\n' "$@"; }
{
    layout trec t.label trec trec-train.tsv
    layout piqa d.jsonl labels piqa.jsonl
    layout news n.src.cleaned pairs news.tsv
    layout clinc c.json clinc_train clinc-train.jsonl
    layout clinc c.json clinc_test clinc-test.jsonl
    layout answers squad.parquet copy squad.parquet
} >"$tmp/paper.tsv"
export DIFFTF_PAPER="$tmp/paper.tsv"
check "the sets of the paper are laid out" 0 "paper: data/paper/squad.parquet" sh -c "cd '$tmp' && '$here/tools/fetch-data' paper"
laid() { # NAME WANTED
    printf "$2" >"$tmp/wanted"
    cmp -s "$tmp/wanted" "$tmp/data/paper/$1" && echo "ok $1" || { echo "not ok $1:" && cat "$tmp/data/paper/$1"; }
}
laid trec-train.tsv 'label\tlabel_fine\ttext\nENTY\tENTY:cremat\tWhat \303\251 " is it ?\nNUM\tNUM:date\tWhen ?\n'
laid piqa.jsonl '{"goal": "g {1}", "label": 1}\n'
laid news.tsv 'document\tsummary\nOne. Two   three\tShort "sum\n'
laid clinc-train.jsonl '{"text": "say a, \\"b\\"", "label": "oil_change"}\n{"text": "two", "label": "y"}\n'
laid clinc-test.jsonl '{"text": "three", "label": "y"}\n'
# every place that the experiment names is one that is laid, but for the books
for file in $(grep -o 'data/paper/[^ ]*' configs/paper.yaml | grep -v books | sort -u); do
    cut -f 4 data/paper.tsv | grep -qx "${file#data/paper/}" && echo "ok $file is laid" || echo "not ok $file is laid"
done
for set in $(grep -v '^#' data/paper.tsv | cut -f 1 | sort -u); do
    cut -f 1 data/sources.tsv | grep -qx "$set" && echo "ok $set has a source" || echo "not ok $set has a source"
done
check "an unknown name" 2 "'nothing' is not known, expected one or more of: answers clinc gone" tools/fetch-data nothing
check "the list" 0 "numbers.txt" tools/fetch-data list
check "all goes through the table" 3 "numbers.txt is there" tools/fetch-data all
echo done
