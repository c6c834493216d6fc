#!/bin/sh
# What programs say of themselves: --help and --version of each, man pages and completions written from their tables.
. tests/check.inc
build=${BUILD:-build}

for program in eval train bench bpe convert make-data make-model; do
    check "difftf-$program --help" 0 "^usage: difftf-$program" "$build/difftf-$program" --help
    check "difftf-$program --version" 0 "^difftf-$program [0-9.]*$" "$build/difftf-$program" --version
    check "difftf-$program without such an option" 2 "there is no such option\|did you mean" "$build/difftf-$program" --nope
done
check "difftf-fetch-data --help" 0 "^usage: difftf-fetch-data" tools/fetch-data --help
check "difftf-fetch-data --version" 0 "^difftf-fetch-data" tools/fetch-data --version
check "difftf-bench without arguments says what it does" 0 "^  decode" "$build/difftf-bench"
check "a misspelt --verison" 2 "did you mean --version" "$build/difftf-eval" --verison
check "a misspelt task" 2 "did you mean needle" "$build/difftf-eval" nedle
check "a command's --version" 0 "^difftf-eval" "$build/difftf-eval" table --version

share=$tmp/share
check "man pages and completions are written" 0 "" sh -c "tools/make-documents $build $share 1.2 2026-01-02 && echo"
for task in $("$build/difftf-eval" list tasks | cut -d' ' -f1); do
    [ -s "$share/man/man1/difftf-eval-$task.1" ] || echo "not ok a page of $task"
done
grep -q '\\-\\-depths' "$share/man/man1/difftf-eval-needle.1" && echo "ok a task's page has its options" || echo "not ok a task's page has its options"
if command -v mandoc >/dev/null; then
    check "mandoc finds nothing" 0 "^$" sh -c "mandoc -Tlint $share/man/man1/* && echo"
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
    check "man warns of nothing" 0 "^$" sh -c "for page in $share/man/man1/*; do man --warnings -E UTF-8 -l -Tutf8 -Z \$page >/dev/null; done; echo"
fi
for shell in zsh fish; do
    if command -v $shell >/dev/null; then
        check "$shell reads its completions" 0 "^$" sh -c "for file in $share/$shell/*/*; do $shell -n \$file || exit 1; done; echo"
    fi
done

# Completions as bash asks for them: the words of a line, as it cuts them, the last one not finished.
mkdir "$tmp/some" && cd "$tmp/some" || exit 1
mkdir modela && touch model.gguf a.json b.yaml
offers() { # NAME WANTED PROGRAM WORD..: the completions, sorted
    name=$1 wanted=$2 program=$3
    shift 3
    got=$(bash -c '
        program=$1 share=$2; shift 2
        . "$share/bash-completion/completions/$program"
        COMP_WORDS=("$program" "$@") COMP_CWORD=$#
        "_${program//-/_}"
        printf "%s\n" "${COMPREPLY[@]}" | LC_ALL=C sort | tr "\n" " "' - "$program" "$share" "$@" 2>&1)
    [ "$got" = "$wanted " ] && echo "ok completes $name" || echo "not ok completes $name: '$got', expected '$wanted '"
}
offers "tasks" "needle" difftf-eval ne
offers "commands" "table" difftf-eval ta
offers "options" "--depths --dry-run" difftf-eval needle --d
offers "options of every task" "--model" difftf-eval icl --mo
offers "formats" "latex" difftf-eval table --format l
offers "formats after =" "markdown" difftf-eval table --format = m
offers "forms of choice" "arc-challenge arc-easy" difftf-eval choice --form a
offers "forms of icl" "trec trec-fine" difftf-eval icl --form t
offers "forms of math" "gsm8k" difftf-eval math --form g
offers "a choice's words" "allow refuse warn" difftf-eval needle --beyond-context ""
offers "models" "model.gguf modela" difftf-eval needle --model m
offers "models after a name" "model.gguf modela" difftf-eval needle --model base = m
offers "folders after a name's =" "model.gguf modela" difftf-eval needle --model base =
offers "reports" "a.json modela" difftf-eval table ""
offers "reports after options" "a.json" difftf-eval check --against a.json a
offers "kinds of lists" "models" difftf-eval list m
offers "no number" "" difftf-eval needle --samples ""
offers "words of the trainer" "plan" difftf-train pl
offers "options of the trainer" "--fresh" difftf-train r.yaml --f
offers "recipes" "b.yaml" difftf-train b
offers "parts of the bench" "decode" difftf-bench d
echo done
