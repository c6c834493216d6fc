#!/bin/sh
# The examples of CONTRIBUTING.md: compiled with the rows that it speaks of, linked before the library, and run.
. tests/check.inc
build=${BUILD:-build}
case $build in
*sanitize*) # the objects there are of other flags; the plain build has shown the examples
    echo done
    exit
    ;;
esac
tree=$tmp/tree
mkdir -p "$tree/src/model" "$tree/tasks"
cp src/model/family_llama.c src/model/config_read.c src/model/config.h "$tree/src/model"
python3 tests/blocks.py CONTRIBUTING.md "$tree" >"$tmp/commands"
sed 's/^extern const struct task /&TASK_COPYING, /; s/TASKS\[\] = {/&\&TASK_COPYING, /' tasks/tasks.c >"$tree/tasks/tasks.c"
sed -i 's/\(FAMILY_SMOLLM3\);/\1, FAMILY_YI;/' "$tree/src/model/config.h"
sed -i 's/FAMILIES\[\] = {/&\&FAMILY_YI, /' "$tree/src/model/config_read.c"

# What a person has lying about who follows the examples.
mkdir "$tmp/bin" "$tmp/my-yi"
cp models/transformer/* "$tmp/my-yi"
sed -i 's/"model_type":[[:space:]]*"llama"/"model_type": "yi"/' "$tmp/my-yi/config.json"
for source in src/model/config_read.c src/model/family_llama.c tasks/tasks.c tasks/copying.c; do
    object=$tmp/$(basename "$source" .c).o
    # shellcheck disable=SC2046
    check "$source compiles" 0 "" sh -c "cc -I'$tree/src' -I'$tree' $(make -s print-CPPFLAGS print-CFLAGS | tr '\n' ' ') -O0 -U_FORTIFY_SOURCE -c -o '$object' '$tree/$source' && echo"
done
check "they link" 0 "" sh -c "cc -o '$tmp/bin/difftf-eval' '$tmp'/*.o '$build/src/cli/main.o' '$build/libdifftf.a' $(make -s print-LDFLAGS print-LIBS | tr '\n' ' ') && echo"
root=$PWD
ln -s "$root/models" "$root/data" "$root/configs" "$tmp"
cp "$tree"/capitals.* "$tmp"
cd "$tmp" || exit 1
PATH=$tmp/bin:$PATH
[ "$(wc -l <commands)" = 3 ] && echo "ok every kind is shown" || echo "not ok every kind is shown"
while IFS='|' read -r how command; do
    check "$command" 0 "" sh -c "$command${how:+ $how}"
    cp out "$(echo "$command" | cut -d' ' -f2).out"
done <commands
check "the task's metric has its interval" 0 'copying loss .*\[[0-9.]*, [0-9.]*\]' cat copying.out
check "the family is known by its name" 0 "family *yi" cat inspect.out
check "the form's items are scored" 0 "acc" cat choice.out
echo done
