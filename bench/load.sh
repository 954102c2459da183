#!/usr/bin/env bash
# What the HTTP port bears: many silent connections, a million agents, four times the load
# that can be served, a start from nothing. Each case with a node of its own.
#
#     bench/load.sh [--nexus FILE] [CASE...]
#     bench/load.sh --list
#
# Prints a JSON row per case (see bench/README.md). Needs Linux, bash and cargo; the
# release binary is built unless --nexus names one. Traffic stays on loopback. Exit: 0
# every bar met, 1 one missed or a run failed, 2 usage, 3 a tool or a build is missing.
set -euo pipefail
export LC_ALL=C

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }

cases=('cold start' 'idle connections' 'one million agents' 'overload wait' 'overload spin' 'overload block')
nexus='' wanted=()
while (($#)); do
    case $1 in
    --list) printf '%s\n' "${cases[@]}"; exit 0 ;;
    --nexus) (($# > 1)) || usage; nexus=$(realpath "$2"); shift ;;
    -*) usage ;;
    *)
        known=''
        for name in "${cases[@]}"; do [[ $name != "$1" ]] || known=1; done
        [[ $known ]] || usage
        wanted+=("$1")
        ;;
    esac
    shift
done
((${#wanted[@]})) || wanted=("${cases[@]}")

cd "$(dirname "$0")/.."
command -v cargo >/dev/null || { echo 'load.sh: there is no cargo' >&2; exit 3; }
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet --package bench-load || exit 3
if [[ -z $nexus ]]; then
    cargo build --release --quiet --package nexus-server || exit 3
    nexus=$target/release/nexus
fi
[[ -x $nexus ]] || { echo "load.sh: $nexus is no program" >&2; exit 3; }

# A file for each connection, on both sides, and some for the rest.
files=16000
ulimit -n "$files" 2>/dev/null ||
    { echo "load.sh: $files open files are needed, and no more than $(ulimit -Hn) are allowed" >&2; exit 3; }

# What no case comes near, in seconds; a node that hangs then ends with its client, since
# timeout ends the whole group.
limit_s=300
missed=0
for name in "${wanted[@]}"; do
    timeout --kill-after=5 "$limit_s" "$target/release/bench-load" "$name" "$nexus" || missed=1
done
exit "$missed"
