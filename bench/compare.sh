#!/usr/bin/env bash
# Runs our bench cases and the peers' in turn, in one go, and prints one JSON row
# per comparison: how far ahead we are, how sure that is, whether the bar is met.
# README.md here tells what each case means and how the interval is computed.
#
# Ratios are taken inside a pair, between runs seconds apart, because on a shared
# machine the same binary differs by a factor of two from one minute to the next.
#
# Bash and awk only: a bare machine may have nothing else.
set -uo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 3
repo=$(dirname "$here")

# Twenty pairs is the least the comparison promises; the median of twenty has an
# interval of 95.9 % coverage. The long cases take a minute and gigabytes a pair.
pairs_short=20
pairs_long=3
# A run still going after this has hung: the slowest peer, kameo with a million named
# actors, needs about 30 s on two quiet cores.
timeout_s=180
# ractor and kameo hold 8 GB at a million actors; below this they would swap or die.
spawn_memory_gib=10

usage() {
    cat <<USAGE
usage: compare.sh [options] PEERS_DIR [FILTER]

Prints JSON rows on stdout, progress on stderr. FILTER keeps the cases whose name
contains it. Exit: 0 every bar met, 1 a bar missed or a run of ours failed,
2 usage, 3 nothing to compare with or no binary of ours.

  --out FILE        every single run, as JSON lines (default bench/results.jsonl)
  --pairs N         pairs of a short case (default $pairs_short)
  --long-pairs N    pairs of a long case (default $pairs_long)
  --seed N          seed of the order inside each pair (default 1)
  --nexus FILE      use this binary; without it the release build is brought up to date
  --list            print the case names and end
USAGE
}

note() { printf '%s\n' "$*" >&2; }
fail() { note "compare.sh: $2"; exit "$1"; }
wrong() { note "compare.sh: $1"; usage >&2; exit 2; }
# Below a thousand: the interval's smallest probability, one half to that power, still
# fits a double.
is_count() { [[ $1 =~ ^[1-9][0-9]{0,2}$ ]]; }

cases=(
    'tell 1->1' 'tell 2->1' 'tell 2->10k'
    'ask' 'ask across threads' 'ask at agents'
    'spawn named 1M' 'register at 1M'
    'timers 1M' 'decide' 'cpu 1000 agents 1 msg/s'
)

# ---- arguments

out=$here/results.jsonl seed=1 nexus_bin='' words=()
while (($#)); do
    case $1 in
    --out | --pairs | --long-pairs | --seed | --nexus)
        (($# > 1)) || wrong "$1 needs a value"
        case $1 in
        --out) out=$2 ;;
        --pairs) pairs_short=$2 ;;
        --long-pairs) pairs_long=$2 ;;
        --seed) seed=$2 ;;
        --nexus) nexus_bin=$2 ;;
        esac
        shift 2
        ;;
    --list) printf '%s\n' "${cases[@]}"; exit 0 ;;
    -h | --help) usage; exit 0 ;;
    -*) wrong "no such option: $1" ;;
    *) words+=("$1"); shift ;;
    esac
done
((${#words[@]} == 1 || ${#words[@]} == 2)) || wrong "expected PEERS_DIR and at most one FILTER"
filter=${words[1]-}
is_count "$pairs_short" || wrong "--pairs must be a whole number from 1 to 999, not '$pairs_short'"
is_count "$pairs_long" || wrong "--long-pairs must be a whole number from 1 to 999, not '$pairs_long'"
is_count "$seed" || wrong "--seed must be a whole number from 1 to 999, not '$seed'"
peers_dir=$(cd "${words[0]}" 2>/dev/null && pwd) || fail 2 "PEERS_DIR is not a directory: ${words[0]}"

# ---- what a case consists of

# Each run is one line: who|name shown|program|argument|prefix printed|prefix meant.
# A run whose lines carry another name than ours says which prefix stands for which;
# its other lines are dropped.
runs=()
# Rows that carry a bar, so that one we do not print is a miss and not a silence.
expected=()

nexus() { runs+=("nexus|nexus|$nexus_bin|$1||"); }

# who, name shown, peer program, its case, prefix printed, prefix meant
rust() {
    local bin
    if bin=$(find_peer "$3"); then
        runs+=("$1|$2|$bin|$4|${5-}|${6-}")
    fi
}

# name shown, Erlang expression, prefix printed, prefix meant
erlang() {
    [[ -n $erlang_dir ]] && runs+=("peer|$1|erlang|$2|${3-}|${4-}")
}

plan() {
    runs=() expected=() pairs=$pairs_short
    case $1 in
    'tell '*)
        local shape=${1#tell } layout
        case $shape in
        '1->1') layout='1, 1' ;;
        '2->1') layout='2, 1' ;;
        *) layout='2, 10000' ;;
        esac
        expected=("$1" "$1 vs raw")
        nexus "$1"
        rust peer ractor ractor "$1"
        rust peer kameo kameo "$1"
        rust peer 'kameo bounded(64)' kameo "bounded(64) $shape" "$1 bounded(64)" "$1"
        rust peer actix actix "$1"
        rust peer xtra xtra "$1"
        erlang erlang "bench:tell(\"$1\", $layout, 3000000)"
        rust floor raw raw "$1"
        [[ $shape == '1->1' ]] &&
            rust floor 'SegQueue 1->1 two threads' floors queues 'SegQueue 1->1 two threads' "$1"
        ;;
    'ask')
        # Nobody else asks in place, so both our ways meet the same peer figures.
        expected=('ask mean' 'ask queued mean')
        nexus 'ask'
        nexus 'ask queued'
        rust peer ractor ractor ask
        rust peer kameo kameo ask
        rust peer xtra xtra ask
        rust peer 'actix same arbiter' actix 'ask same arbiter' 'ask same arbiter' ask
        erlang erlang 'bench:ask_plain()' 'ask (plain process)' ask
        rust floor raw raw ask
        ;;
    'ask across threads')
        # One actix run takes half a minute: each ask wakes a sleeping thread.
        pairs=$pairs_long
        nexus "$1"
        rust peer actix actix ask ask 'ask across threads'
        rust floor 'thread park/unpark' floors wake 'thread park/unpark rtt' 'ask across threads'
        ;;
    'ask at agents')
        pairs=$pairs_long
        expected=('ask at 1M agents vs 1k')
        nexus "$1"
        ;;
    'spawn named 1M')
        pairs=$pairs_long
        expected=('spawn named 1M rate' 'spawn named 1M memory' 'lookup among 1000000 names vs hash table get')
        nexus "$1"
        if ((memory_free_gib >= spawn_memory_gib)); then
            rust peer ractor ractor "$1"
            rust peer kameo kameo "$1"
        else
            note "note: $1: ractor and kameo skipped, they need $spawn_memory_gib GiB free and there are $memory_free_gib"
        fi
        # These four give their actors no name, which flatters them.
        rust peer 'actix unnamed' actix 'spawn 1M' 'spawn 1M' "$1"
        rust peer 'xtra unnamed' xtra 'spawn 1M' 'spawn 1M' "$1"
        erlang 'erlang unnamed' 'bench:spawn_plain()' 'spawn (plain process) rate' "$1 rate"
        erlang 'erlang unnamed' 'bench:resident()' 'spawn (plain process) resident memory' "$1 memory"
        erlang 'erlang ets' 'bench:lookup_ets()' 'lookup ets (binary key, 1M)' 'lookup among 1000000 names'
        rust floor raw raw 'spawn 1M' 'spawn 1M' "$1"
        rust floor 'std HashMap get, integer key' floors maps 'std HashMap get' 'lookup among 1000000 names'
        ;;
    'register at 1M')
        pairs=$pairs_long
        expected=("$1")
        nexus "$1"
        ;;
    'timers 1M')
        pairs=$pairs_long
        nexus "$1"
        ;;
    'decide')
        expected=('decide 1000')
        nexus "$1"
        ;;
    'cpu 1000 agents 1 msg/s')
        pairs=$pairs_long
        expected=("$1")
        nexus "$1"
        ;;
    esac
}

wanted() {
    local name
    for name in "$1" "${expected[@]}"; do
        [[ $name == *"$filter"* ]] && return 0
    done
    return 1
}

# ---- the peers

find_peer() {
    local dir
    for dir in "${CARGO_TARGET_DIR:-$peers_dir/target}" "$peers_dir/target"; do
        if [[ -x $dir/release/peer-$1 ]]; then
            printf '%s' "$dir/release/peer-$1"
            return 0
        fi
    done
    return 1
}

# The peers' own Erlang script runs everything in one machine, five times in a row;
# opening the module's functions lets one case run at a time, in a fresh one.
prepare_erlang() {
    erlang_dir=''
    if [[ ! -f $peers_dir/erlang/bench.erl ]]; then
        note 'note: no erlang/bench.erl in PEERS_DIR; erlang skipped'
    elif ! command -v erlc >/dev/null || ! command -v erl >/dev/null; then
        note 'note: erl and erlc not found (Debian: apt-get install erlang-base); erlang skipped'
    elif ! erlc +export_all +nowarn_export_all -o "$scratch" "$peers_dir/erlang/bench.erl" >"$scratch/erlc" 2>&1; then
        note "note: erlang/bench.erl does not compile; erlang skipped: $(tail -n 1 "$scratch/erlc")"
    else
        erlang_dir=$scratch
    fi
}

run_erlang() {
    local flags=(+S "${SCHED:-2}:${SCHED:-2}" +P 4000000 +t 4000000 -noshell -pa "$erlang_dir")
    FRESH_VM="erl ${flags[*]}" ERL_CRASH_DUMP=/dev/null timeout --foreground "$timeout_s" erl "${flags[@]}" -eval "
        {_, M} = spawn_monitor(fun() ->
            [io:format(\"@\\t~s\\t~s\\t~w~n\", [N, U, float(V)]) || {N, U, V} <- $1]
        end),
        receive
            {'DOWN', M, _, _, normal} -> halt(0);
            {'DOWN', M, _, _, Why} -> io:format(standard_error, \"~p~n\", [Why]), halt(1)
        end." </dev/null
}

# ---- running

# The generator of the C standard's example: its figures never enter a result, only
# the order inside a pair, and it is the same in every version of bash.
chance=$seed
draw() {
    chance=$(((chance * 1103515245 + 12345) & 0x7fffffff))
    drawn=$(((chance >> 16) % $1))
}

shuffle() {
    local i kept
    order=("${!runs[@]}")
    for ((i = ${#order[@]} - 1; i > 0; i--)); do
        draw $((i + 1))
        kept=${order[i]} order[i]=${order[drawn]} order[drawn]=$kept
    done
}

ours_failed=0 peer_failed=0

# Runs line $1 of the plan in pair $2 at place $3; false when the run failed.
run_one() {
    local who name program argument printed meant mark case unit value load code
    IFS='|' read -r who name program argument printed meant <<<"${runs[$1]}"
    read -r load _ </proc/loadavg
    if [[ $program == erlang ]]; then
        run_erlang "$argument" >"$scratch/stdout" 2>"$scratch/stderr"
    elif [[ $who == nexus ]]; then
        timeout --foreground "$timeout_s" "$program" bench --once "$argument" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null
    else
        timeout --foreground "$timeout_s" "$program" --once "$argument" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null
    fi
    code=$?
    if ((code == 0)) && ! grep -q '^@' "$scratch/stdout"; then
        code='no figures'
    fi
    if [[ $code != 0 ]]; then
        [[ $code == 124 ]] && code="still running after $timeout_s s"
        note "failed: $name, $argument, pair $2 ($code): $(tail -n 1 "$scratch/stderr")"
        printf '{"pair":%d,"place":%d,"peer":"%s","run":"%s","failed":"%s"}\n' \
            "$2" "$3" "$name" "${argument//\"/\'}" "$code" >>"$out"
        return 1
    fi
    while IFS=$'\t' read -r mark case unit value; do
        [[ $mark == @ ]] || continue
        if ! [[ $value =~ ^[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$ ]]; then
            note "not a figure, left out: $name, $case, pair $2: '$value'"
            continue
        fi
        if [[ -n $printed ]]; then
            [[ $case == "$printed"* ]] || continue
            # A remainder must start a new word: `tell 1->1 bounded(64)` is not `tell 1->1`.
            [[ ${case#"$printed"} =~ ^($|\ ) ]] || continue
        fi
        printf '{"pair":%d,"place":%d,"peer":"%s","case":"%s","value":%s,"unit":"%s","load":%s}\n' \
            "$2" "$3" "$name" "$case" "$value" "$unit" "$load" >>"$out"
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$2" "$who" "$name" "$meant${case#"$printed"}" "$unit" "$value"
    done <"$scratch/stdout" >>"$scratch/figures.$1"
}

run_case() {
    local pair place index
    rm -f "$scratch"/figures.*
    for index in "${!runs[@]}"; do : >"$scratch/figures.$index"; done
    for ((pair = 1; pair <= pairs; pair++)); do
        shuffle
        [[ -t 2 ]] && printf '\r%s: pair %d of %d ' "$1" "$pair" "$pairs" >&2
        place=0
        for index in "${order[@]}"; do
            place=$((place + 1))
            run_one "$index" "$pair" "$place" && continue
            if [[ ${runs[index]} != nexus* ]]; then
                peer_failed=1
                continue
            fi
            ours_failed=1
            # The first failure of ours is a missing or broken case: no use measuring
            # the peers against it for minutes. A later one costs that pair only.
            ((pair == 1)) && break 2
        done
    done
    [[ -t 2 ]] && printf '\r\033[K' >&2
    if ((pair > pairs)); then
        note "$1: done, $pairs x ${#runs[@]} runs, load $(cut -d' ' -f1 /proc/loadavg)"
    else
        note "$1: given up, our first run failed"
    fi
    # In the order of the plan and not of the first pair, so that rows keep their places.
    for index in "${!runs[@]}"; do cat "$scratch/figures.$index"; done |
        awk -v expected="$(IFS='|' && printf '%s' "${expected[*]}")" -f "$here/compare.awk"
}

# ---- the machine

# Double quote and backslash, by number because shells and checkers read them differently.
quoted() { tr -d '\042\134' <<<"$1"; }

describe() {
    local cpus model memory rustc commit
    cpus=$(grep -c '^processor' /proc/cpuinfo)
    model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
    memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
    rustc=$(rustc --version 2>/dev/null || echo unknown)
    commit=$(git -C "$repo" describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
    local facts=(
        machine "$(uname -m), $cpus CPUs, $memory"
        kernel "$(uname -sr)"
        cpu "${model:-unknown}"
        rustc "$rustc"
        date "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
        commit "$commit"
        load "$(cut -d' ' -f1-3 /proc/loadavg)"
        pairs "$pairs_short short, $pairs_long long"
        seed "$seed"
    )
    local i line=''
    for ((i = 0; i < ${#facts[@]}; i += 2)); do
        note "$(printf '%-8s %s' "${facts[i]}" "${facts[i + 1]}")"
        line+=",\"${facts[i]}\":\"$(quoted "${facts[i + 1]}")\""
    done
    { printf '{%s}\n' "${line#,}" >"$out"; } 2>/dev/null || fail 3 "cannot write $out"
    if awk -v cpus="$cpus" '{ exit !($1 > cpus / 4) }' /proc/loadavg; then
        note 'note: other work is running here; expect wide intervals'
    fi
}

bring_up_to_date() {
    if [[ -n $nexus_bin ]]; then
        [[ -x $nexus_bin ]] || fail 3 "not a program: $nexus_bin"
        return
    fi
    command -v cargo >/dev/null || fail 3 'cargo not found; give a built binary with --nexus FILE'
    note 'building nexus'
    (cd "$repo" && cargo build --release --quiet --bin nexus >&2) || fail 3 'nexus did not build'
    nexus_bin=${CARGO_TARGET_DIR:-target}/release/nexus
    [[ $nexus_bin == /* ]] || nexus_bin=$repo/$nexus_bin
    [[ -x $nexus_bin ]] || fail 3 "built, but there is no $nexus_bin"
}

check_peers() {
    local peer missing=()
    for peer in ractor kameo actix xtra raw floors; do
        find_peer "$peer" >/dev/null || missing+=("$peer")
    done
    ((${#missing[@]})) || return
    note "note: not built, so skipped: ${missing[*]}; a best peer below is the best of the others"
    # One call each: together they would be built with one another's feature flags.
    note "note: to build them, in PEERS_DIR or a writable copy: for p in ${missing[*]}; do cargo build --release -p peer-\$p; done"
    note 'note: binaries are sought in CARGO_TARGET_DIR/release and PEERS_DIR/target/release'
    ((${#missing[@]} < 6)) || fail 3 'no peer is built, nothing to compare with'
}

# ---- main

scratch=$(mktemp -d) || fail 3 'no temporary directory'
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

erlang_dir=unknown memory_free_gib=0
chosen=()
# Only the names matter here; `plan` is asked again once everything is in place.
for name in "${cases[@]}"; do
    plan "$name" 2>/dev/null
    if wanted "$name"; then chosen+=("$name"); fi
done
((${#chosen[@]})) || wrong "no case contains '$filter'; see --list"

check_peers
prepare_erlang
bring_up_to_date
describe

missed=0
for name in "${chosen[@]}"; do
    memory_free_gib=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    plan "$name"
    run_case "$name" || missed=1
done
((peer_failed)) && note 'note: a peer run failed; that pair does not count for that peer'
((ours_failed)) && note 'a run of ours failed'
((missed || ours_failed)) && exit 1
exit 0
