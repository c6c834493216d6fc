#!/bin/sh
# Every command of README.md and docs/: evaluations with three samples, `dry` ones with --dry-run; of those marked `show` program,
# command and options must be there. The option tables are those of the program, links lead somewhere.
. tests/check.inc
build=${BUILD:-build}
case $build in
*sanitize*) # the plain build has shown them; what they run has tests of its own in both
    echo done
    exit
    ;;
esac
check "the option tables are the program's" 0 "^$" sh -c "tools/refresh-docs $build --check && echo"
[ "$(wc -l <README.md)" -lt 200 ] && echo "ok README.md has fewer than 200 lines" || echo "not ok README.md has $(wc -l <README.md) lines"
for page in *.md docs/*.md docs/*/*.md; do
    for link in $(grep -o '\]([^) ]*)' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v ':'); do
        [ -e "$(dirname "$page")/$link" ] || echo "not ok $page: $link is not there"
    done
done

# Names in lower case with an underscore in a task's page are metrics of the task.
for page in docs/tasks/*.md; do
    task=$(basename "$page" .md)
    for name in $(sed '/^## Options/,$d' "$page" | grep -o '`[a-z]*_[a-z_]*`' | tr -d '`' | sort -u); do
        [ "${name#_}" = "$name" ] || continue
        grep -qw -- "$name" tasks/"$task"*.c || echo "not ok $page: $name is no metric of $task"
    done
done

# What a person has lying about: models, data sets, programs in PATH.
root=$PWD
mkdir "$tmp/bin" "$tmp/books"
for program in "$root/$build"/difftf-*; do
    [ -x "$program" ] && ln -s "$program" "$tmp/bin"
done
ln -s "$root/tools/fetch-data" "$tmp/bin/difftf-fetch-data"
ln -s "$root/models" "$root/data" "$root/configs" "$root/tools" "$root/bench" "$tmp"
ln -s "$root/models/transformer" "$tmp/my-transformer"
ln -s "$root/models/diff-transformer" "$tmp/my-diff"
head -c 20000 data/haystack/persuasion.txt >"$tmp/books/one.txt"
tail -c 20000 data/haystack/persuasion.txt >"$tmp/books/two.txt"
cp data/ruler/single.json "$tmp/squad-dev.json"
cp data/ruler/two-steps.json "$tmp/hotpotqa-dev.json"
python3 - "$tmp" <<'END'
import json, sys
def write(name, records):
    with open(f"{sys.argv[1]}/{name}", "w") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)
kinds = ["NUM:date", "HUM:ind", "LOC:city"]
for part, n in (("train", 60), ("test", 6)):
    write(f"trec-{part}.jsonl", [{"text": f"Question number {i} ?", "label_fine": kinds[i % 3]} for i in range(n)])
    write(f"gsm8k-{part}.jsonl", [{"question": f"What is {i} + {i}?", "answer": f"It is {2 * i}.\n#### {2 * i}"} for i in range(12)])
write("piqa.jsonl", [{"goal": f"Count to {i}", "sol1": "one", "sol2": "two", "label": i % 2} for i in range(8)])
write("xsum.jsonl", [{"document": f"The town of Oslo has {i} bridges. They are old.", "summary": f"Oslo has {i} bridges."} for i in range(4)])
END
cd "$tmp" || exit 1
PATH=$tmp/bin:$PATH

# The program and the command are there, and so is every option.
looks_right() { # COMMAND
    # shellcheck disable=SC2086
    set -- ${1%%#*}
    command -v "$1" >/dev/null || [ "$1" = make ] || { echo "there is no $1"; return 1; }
    program=$1 word=$2
    case $program in difftf-*) ;; *) return 0 ;; esac
    "$program" "$word" --help >help 2>&1 || "$program" --help >help 2>&1 || { cat help; return 1; }
    while [ $# -gt 0 ]; do
        case $1 in --*) grep -q -- "^  ${1%%=*} \|^  ${1%%=*}$" help || { echo "$program $word has no $1"; return 1; } ;; esac
        shift
    done
}
tasks=" $(difftf-eval list tasks | cut -d' ' -f1 | tr '\n' ' ')"
run() { # HOW COMMAND
    word=${2#difftf-eval }
    word=${word%% *}
    if [ "$1" = show ]; then
        looks_right "$2"
    elif [ "$1" = dry ]; then
        sh -c "${2%%#*} --dry-run"
    elif [ "$word" != "$2" ] && [ "${tasks#* "$word" }" != "$tasks" ] && [ "$word" != scaling ]; then
        sh -c "${2%%#*} --samples 3 --threads 1 --no-progress"
    else
        sh -c "$2"
    fi
}
pages=$(cd "$root" && ls README.md docs/*.md docs/tasks/*.md)
for page in $pages; do
    python3 "$root/tests/blocks.py" "$root/$page" . >commands
    while IFS='|' read -r how command <&3; do
        if run "$how" "$command" >out 2>&1; then
            echo "ok $page: $command"
        else
            echo "not ok $page: $command"
            cat out
        fi
    done 3<commands
done
echo done
