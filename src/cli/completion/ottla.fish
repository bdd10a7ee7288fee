# Completion of ottla and of the names of Apache Kafka's scripts, for fish.
# Options come from --help; names of topics and groups from the cluster that the line names.

function __ottla_names # KIND: topics, groups, profiles, commands
    set -l words (commandline -opc)
    set -l where
    for i in (seq (count $words))
        switch $words[$i]
            case --bootstrap-server --bootstrap-controller --command-config --profile
                set -a where $words[$i] $words[(math $i + 1)]
            case -b
                set -a where --bootstrap-server $words[(math $i + 1)]
        end
    end
    ottla __complete $argv[1] $where 2>/dev/null
end

function __ottla_command # the sub-command of the line; fails when there is none yet
    set -l words (commandline -opc)
    set -l name (string replace -r '\.sh$' '' (basename $words[1]))
    if test $name != ottla
        set name (string replace -r '^kafka-' '' $name)
        switch $name
            case server-start
                set name broker
            case server-stop
                set name stop
        end
        echo $name
        return 0
    end
    set -l at 2
    while test $at -le (count $words); and test $words[$at] = --profile
        set at (math $at + 2)
    end
    test $at -le (count $words); and echo $words[$at]
end

function __ottla_words # options and sub-commands
    set -l cmd (__ottla_command); or return
    set -l help (ottla $cmd --help 2>/dev/null)
    contains -- $cmd produce consume; and __ottla_names topics
    string match -rg '^  (?:-[A-Za-z], )?(--[a-z0-9.-]+)' -- $help
    string match -rg '([a-z-]+(?:\|[a-z-]+)+)' -- $help[1] | string split '|'
end

function __ottla_after # whether one of these options stands before the cursor
    contains -- (commandline -opc)[-1] $argv
end

set -l scripts (ottla __complete scripts 2>/dev/null)
for __ottla_name in ottla $scripts {$scripts}.sh
    complete -c $__ottla_name -f
    complete -c $__ottla_name -n '__ottla_after --topic --include' -a '(__ottla_names topics)'
    complete -c $__ottla_name -n '__ottla_after --group --group-id -g' -a '(__ottla_names groups)'
    complete -c $__ottla_name -n '__ottla_after --profile' -a '(__ottla_names profiles)'
    complete -c $__ottla_name -n '__ottla_after --format' -a 'text json yaml'
    complete -c $__ottla_name -n '__ottla_after --entity-type' -a 'topics brokers groups client-metrics broker-loggers'
    complete -c $__ottla_name -n '__ottla_command >/dev/null; and not __ottla_after --topic --include --group --profile --format --entity-type' -a '(__ottla_words)'
end
complete -c ottla -n 'not __ottla_command >/dev/null' -a '(__ottla_names commands) --profile --help --version'
set -e __ottla_name
