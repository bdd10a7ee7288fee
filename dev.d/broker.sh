# shellcheck shell=bash
# One broker in the background, its data under .ottla/. Sourced by ../dev.
#
# .ottla/pid holds "pid start port": the start time (/proc/PID/stat) makes sure that a pid is still our broker.

HOME_DIR=.ottla
PORT=${OTTLA_PORT:-9092}

broker_up() {
    local pid port
    if read -r pid port < <(running); then
        say up "already: pid $pid, localhost:$port, data in $HOME_DIR/"
        return
    fi
    ! answers "$PORT" || die "port $PORT is taken by another program; choose one: OTTLA_PORT=$((PORT + 100)) ./dev up"
    release up
    start
    say up "pid $(running | cut -d' ' -f1), localhost:$PORT, data in $HOME_DIR/"
    cat <<END

  Now try
    echo 'Dear Milena,' | $KCAT -P -b localhost:$PORT -t letters
    $KCAT -C -b localhost:$PORT -t letters -e

  Any Kafka client will do. ${B}./dev down${R} stops it.
END
}

broker_down() {
    local pid _
    if ! read -r pid _ < <(running); then
        say down "nothing was up"
        return
    fi
    kill -TERM "$pid"
    wait_for 30 gone || die "pid $pid does not stop; $HOME_DIR/log tells why"
    rm -f "$HOME_DIR/pid"
    say down "stopped; the data stays in $HOME_DIR/"
}

start() {
    mkdir -p "$HOME_DIR"
    setsid "$BINARY" broker --override "listeners=PLAINTEXT://localhost:$PORT" --override "log.dirs=$HOME_DIR/data" \
        </dev/null >>"$HOME_DIR/log" 2>&1 4>&- &
    echo "$! $(start_time $!) $PORT" >"$HOME_DIR/pid"
    wait_for 60 settled || true
    if gone || ! answers "$PORT"; then
        tail -n 10 "$HOME_DIR/log" >&2
        die "the broker did not start; all that it said is in $HOME_DIR/log"
    fi
}

# Prints "pid port" of our broker, or fails
running() {
    local pid start port
    read -r pid start port 2>/dev/null <"$HOME_DIR/pid" && [[ $(start_time "$pid") == "$start" ]] && echo "$pid $port"
}

# When a process started, in ticks since boot; nothing if it is gone (or only waits for its
# parent). The name, in brackets, may hold blanks.
start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} == Z ]] || echo "${stat[19]}"
}

answers() { (exec 3<>"/dev/tcp/localhost/$1") 2>/dev/null; }
gone() { ! running >/dev/null; }
settled() { gone || answers "$PORT"; }

# wait_for SECONDS CONDITION
wait_for() {
    local tenths=$(($1 * 10))
    until "$2"; do
        ((tenths-- > 0)) || return 1
        sleep 0.1
    done
}
