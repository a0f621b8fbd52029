# Completion of snifferctl for bash.

_snifferctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="start stop restart status wait check results files deps affected why run touch
        events socket service doctor pause resume focus audit debug index"
    local topics="stats result file.failures green red queue run.started run.test run.result
        run.output run.finished watch state file audit bye"
    local command= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -C) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    COMPREPLY=()
    compopt +o default 2>/dev/null
    case $prev in
    -C)
        COMPREPLY=($(compgen -d -- "$cur"))
        compopt -o filenames 2>/dev/null
        return
        ;;
    --python | --junit-xml)
        COMPREPLY=($(compgen -f -- "$cur"))
        compopt -o filenames 2>/dev/null
        return
        ;;
    --backend)
        COMPREPLY=($(compgen -W "auto inotify fanotify" -- "$cur"))
        return
        ;;
    --log-level)
        COMPREPLY=($(compgen -W "error warning info debug" -- "$cur"))
        return
        ;;
    --format)
        [[ $command == results ]] && COMPREPLY=($(compgen -W "quickfix json" -- "$cur"))
        return
        ;;
    --package)
        COMPREPLY=($(compgen -d -- "$cur"))
        return
        ;;
    --jobs | --timeout | --shard) return ;;
    esac
    if [[ -z $command ]]; then
        if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W "-C --help --version" -- "$cur"))
        else
            COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        fi
        return
    fi
    if [[ $cur == -* ]]; then
        local options=
        case $command in
        start | restart) options="--jobs --python --backend --log-level --fail-fast --pipe" ;;
        status) options="--json --short --format --package" ;;
        wait) options="--timeout --json --package" ;;
        check) options="--json --junit-xml --timeout --once --shard --package" ;;
        results) options="--json --failed --format --package" ;;
        run) options="--all --json --package" ;;
        touch) options="-0 --null" ;;
        focus) options="--off" ;;
        audit) options="--all --json" ;;
        debug) options="--pdb" ;;
        files) options="--json --package" ;;
        deps | affected | why | doctor | pause | resume) options="--json" ;;
        esac
        COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
        return
    fi
    case $command in
    events) COMPREPLY=($(compgen -W "$topics" -- "$cur")) ;;
    service) COMPREPLY=($(compgen -W "enable disable status" -- "$cur")) ;;
    index)
        if [[ $prev == index ]]; then
            COMPREPLY=($(compgen -W "export import" -- "$cur"))
        else
            COMPREPLY=($(compgen -f -- "$cur"))
            compopt -o filenames 2>/dev/null
        fi
        ;;
    results | deps | affected | why | run | touch | focus | audit | debug)
        COMPREPLY=($(compgen -f -- "$cur"))
        compopt -o filenames 2>/dev/null
        ;;
    esac
}
complete -F _snifferctl snifferctl
