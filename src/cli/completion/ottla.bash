# Completion of ottla and of the names of Apache Kafka's scripts, for bash.
# Options come from --help; names of topics and groups from the cluster that the line names.

_ottla_names() { # KIND: topics, groups, profiles, commands
    "$ottla" __complete "$1" "${where[@]}" 2>/dev/null
}

_ottla() {
    local ottla=ottla words cur prev cmd at=1 i where=()
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    local last=$((${#words[@]} - 1))
    cur=${words[last]} prev=${words[last - 1]}
    [[ ${words[0]} == */ottla ]] && ottla=${words[0]}
    cmd=${words[0]##*/} cmd=${cmd%.sh}
    for ((i = 1; i < last; i++)); do
        case ${words[i]} in
        --bootstrap-server | --bootstrap-controller | --command-config | --profile)
            where+=("${words[i]}" "${words[i + 1]}")
            ;;
        -b) where+=(--bootstrap-server "${words[i + 1]}") ;;
        esac
    done
    if [[ $cmd == ottla ]]; then
        while [[ ${words[at]} == --profile && at -lt last ]]; do ((at += 2)); done
        if ((last < at)); then
            COMPREPLY=($(compgen -W "$(_ottla_names profiles)" -- "$cur"))
            return
        elif ((last == at)); then
            COMPREPLY=($(compgen -W "$(_ottla_names commands) --profile --help --version" -- "$cur"))
            return
        fi
        cmd=${words[at]}
    else
        cmd=${cmd#kafka-}
        case $cmd in server-start) cmd=broker ;; server-stop) cmd=stop ;; esac
    fi
    case $prev in
    --topic | --include) COMPREPLY=($(compgen -W "$(_ottla_names topics)" -- "$cur")) ;;
    --group | --group-id | -g) COMPREPLY=($(compgen -W "$(_ottla_names groups)" -- "$cur")) ;;
    --profile) COMPREPLY=($(compgen -W "$(_ottla_names profiles)" -- "$cur")) ;;
    --format) COMPREPLY=($(compgen -W "text json yaml" -- "$cur")) ;;
    --entity-type) COMPREPLY=($(compgen -W "topics brokers groups client-metrics broker-loggers" -- "$cur")) ;;
    --*-file | --*config) COMPREPLY=($(compgen -f -- "$cur")) ;;
    *)
        local help
        help=$("$ottla" "$cmd" --help 2>/dev/null)
        if [[ $cur == -* ]]; then
            help=$(sed -n 's/^  \(-[A-Za-z], \)\{0,1\}\(--[a-z0-9.-]*\).*/\2/p' <<<"$help")
        elif [[ $cmd == produce || $cmd == consume ]]; then
            help=$(_ottla_names topics)
        else # sub-commands stand in the usage, with bars between them; else files
            help=$(sed -n 1p <<<"$help" | grep -oE '[a-z-]+(\|[a-z-]+)+' | tr '|' ' ')
        fi
        COMPREPLY=($(compgen -W "$help" -- "$cur"))
        [[ -z $help && $cur != -* ]] && COMPREPLY=($(compgen -f -- "$cur"))
        ;;
    esac
}

complete -o filenames -F _ottla ottla
for _ottla_name in $(ottla __complete scripts 2>/dev/null); do
    complete -o filenames -F _ottla "$_ottla_name" "$_ottla_name.sh"
done
unset _ottla_name
