#compdef ottla -P kafka-*
# Completion of ottla and of the names of Apache Kafka's scripts, for zsh.
# Options come from --help; names of topics and groups from the cluster that the line names.

_ottla_names() { # KIND: topics, groups, profiles, commands
    local -a names
    names=(${(f)"$($ottla __complete $1 $where 2>/dev/null)"})
    compadd -a names
}

_ottla() {
    local ottla=ottla cmd i
    local -a where found
    local -i at=2
    [[ $words[1] == */ottla ]] && ottla=$words[1]
    cmd=${${words[1]:t}%.sh}
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
        --bootstrap-server | --bootstrap-controller | --command-config | --profile)
            where+=("$words[i]" "$words[i+1]")
            ;;
        -b) where+=(--bootstrap-server "$words[i+1]") ;;
        esac
    done
    if [[ $cmd == ottla ]]; then
        while [[ $words[at] == --profile ]] && ((at < CURRENT)); do ((at += 2)); done
        if ((CURRENT < at)); then
            _ottla_names profiles
            return
        elif ((CURRENT == at)); then
            _ottla_names commands
            compadd -- --profile --help --version
            return
        fi
        cmd=$words[at]
    else
        cmd=${cmd#kafka-}
        case $cmd in server-start) cmd=broker ;; server-stop) cmd=stop ;; esac
    fi
    case $words[CURRENT-1] in
    --topic | --include) _ottla_names topics ;;
    --group | --group-id | -g) _ottla_names groups ;;
    --profile) _ottla_names profiles ;;
    --format) compadd text json yaml ;;
    --entity-type) compadd topics brokers groups client-metrics broker-loggers ;;
    --*-file | --*config) _files ;;
    *)
        if [[ $words[CURRENT] == -* ]]; then
            found=(${(f)"$($ottla $cmd --help 2>/dev/null | sed -n 's/^  \(-[A-Za-z], \)\{0,1\}\(--[a-z0-9.-]*\).*/\2/p')"})
            compadd -- $found
        elif [[ $cmd == (produce|consume) ]]; then
            _ottla_names topics
        else # sub-commands stand in the usage, with bars between them; else files
            found=(${(f)"$($ottla $cmd --help 2>/dev/null | sed -n 1p | grep -oE '[a-z-]+(\|[a-z-]+)+' | tr '|' '\n')"})
            (($#found)) && compadd -- $found || _files
        fi
        ;;
    esac
}

if [[ $funcstack[1] == _ottla ]]; then
    _ottla "$@"
else
    compdef _ottla ottla
    compdef -P _ottla 'kafka-*'
fi
