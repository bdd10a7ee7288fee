# shellcheck shell=bash
# The checks that need no running broker. Sourced by ../dev and by test.sh.

check_all() {
    packages check
    VERDICTS=$(mktemp)
    trap 'rm -f "$VERDICTS" "$VERDICTS.out"' EXIT
    check_steps
    step tests run_tests build-test --suite unit --suite step
    local failed
    read -r _ failed _ < <(dev.d/cases.py --sum "$VERDICTS")
    ((failed == 0)) || die "$failed failed"
}

check_steps() {
    step build compile build-test debugoptimized -Dwerror=true
    [[ -f build-test/compile_commands.json ]] || return 0
    step layers check/layers.py
    step shape check/shape.py
    step pages check/pages.py
    step pure check/pure.py build-test
    step format formatted
    step shell shellcheck dev dev.d/*.sh .ci/run
    step lint lint
}

# step NAME COMMAND...: one line, and its words only if it failed (or lines that begin with note:)
step() {
    local name=$1 start=$SECONDS verdict=ok
    shift
    show "$name" …
    ("$@") >"$VERDICTS.out" 2>&1 || verdict='not ok'
    hide
    echo "$verdict check/$name" >>"$VERDICTS"
    if [[ $verdict == ok ]]; then
        say "$name" "ok  $((SECONDS - start)) s"
        grep '^note:' "$VERDICTS.out" | sed 's/^/            /' || true
    else
        say "$name" "${RED}failed$R"
        tail -n 60 "$VERDICTS.out" | sed 's/^/    /'
    fi
}

formatted() {
    local tool
    tool=$(llvm_tool clang-format) || { echo "$tool" && return; }
    sources | xargs -r "$tool" --dry-run --Werror
}

# All files in CI; at the desk those that differ from what is published.
lint() {
    local tool base
    local -a files
    tool=$(llvm_tool clang-tidy) || { echo "$tool" && return; }
    if [[ ${CI-} ]]; then
        mapfile -t files < <(git ls-files 'src/*.c')
    else
        base=$(git merge-base HEAD origin/HEAD 2>/dev/null || git rev-parse -q --verify HEAD~1 || git hash-object -t tree /dev/null)
        mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.c'
            git ls-files -o --exclude-standard -- 'src/*.c')
    fi
    ((${#files[@]})) || return 0
    printf '%s\n' "${files[@]}" | xargs -P "$JOBS" -n 4 "$tool" -p build-test --quiet 2>/dev/null
}

# run_tests DIR MESON-ARGS...: the words of those that failed
run_tests() {
    local dir=$1
    shift
    meson test -C "$dir" --no-rebuild --num-processes "$JOBS" "$@" && return
    dev.d/cases.py --tails "$dir/meson-logs/testlog.json"
    return 1
}
