# bash completion for difftf-eval: commands and tasks, then the options that --help lists, then files.
_difftf_eval() {
    local word=${COMP_WORDS[COMP_CWORD]}
    if [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(difftf-eval --help 2>/dev/null | sed -n 's/^  \([a-z]\+\) .*/\1/p')" -- "$word")
    elif [ "${word#-}" != "$word" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(difftf-eval "${COMP_WORDS[1]}" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]\+\).*/\1/p')" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _difftf_eval difftf-eval
