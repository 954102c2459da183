#!/usr/bin/env bash
# Asking an idle agent over HTTP beside a bare axum handler that returns a constant: the
# same request from the same client, in turn, in fresh processes.
#
#     bench/http.sh [--pairs N] [--seconds S] [--connections C]
#
# Prints JSON rows: requests a second and the 99th percentile, ours against the yardstick,
# as medians of the ratios inside each pair with a 95 % interval (see bench/README.md for
# how it is computed). Needs Linux, bash, awk and wrk (Debian: wrk). Traffic stays on
# loopback. Exit: 0 both bars met, 1 one missed, 2 usage, 3 a tool or a build is missing.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

pairs=10 seconds=5 connections=64
while (($#)); do
    case $1 in
    --pairs) pairs=$2 ;;
    --seconds) seconds=$2 ;;
    --connections) connections=$2 ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done
command -v wrk >/dev/null || { echo 'http.sh: there is no wrk: apt-get install wrk' >&2; exit 3; }
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet --package nexus-server --package bench-axum || exit 3

scratch=$(mktemp -d)
pid=''
stop() { [[ -z $pid ]] || { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null || true; pid=''; }; }
trap 'stop; rm -rf "$scratch"' EXIT

cat >"$scratch/ask.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"type":"query","name":"get","args":{"key":"x","default":1}}'
function done(summary, latency)
    io.write(string.format("@ %.1f %.3f %.3f %d %d\n", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
LUA

# name: starts it, waits for its address, prints nothing; sets pid and url
start() {
    if [[ $1 == nexus ]]; then
        "$target/release/nexus" serve --listen 127.0.0.1:0 --set node.name=bench >"$scratch/out" &
    else
        "$target/release/bench-axum" >"$scratch/out" &
    fi
    pid=$!
    for _ in {1..100}; do
        url=$(grep -o 'http://[0-9.:]*' "$scratch/out" | head -1 || true)
        [[ -z $url ]] || break
        sleep 0.05
    done
    [[ -n $url ]] || { echo "http.sh: $1 did not start" >&2; exit 3; }
    if [[ $1 == nexus ]]; then
        "$target/release/nexus" agents create kv/bench --url "$url" >/dev/null
    fi
}

measure() {
    start "$1"
    wrk -t1 -c"$connections" -d1s -s "$scratch/ask.lua" "$url/v1/agents/kv/bench" >/dev/null
    wrk -t1 -c"$connections" -d"${seconds}s" -s "$scratch/ask.lua" "$url/v1/agents/kv/bench" |
        awk -v name="$1" -v pair="$2" '$1 == "@" { print name, pair, $2, $3, $4, $5, $6 }' | tee -a "$scratch/runs" >&2
    stop
}

for ((pair = 1; pair <= pairs; pair++)); do
    if ((pair % 2)); then measure axum "$pair"; measure nexus "$pair"; else measure nexus "$pair"; measure axum "$pair"; fi
done

awk -v pairs="$pairs" -v connections="$connections" '
    { rate[$1, $2] = $3; p99[$1, $2] = $5; failed += $6 + $7; rates[$1] = rates[$1] " " $3; tails[$1] = tails[$1] " " $5 }
    function sorted(text, into,    n, i, j, t) {
        n = split(text, into, " ")
        for (i = 2; i <= n; i++) { t = into[i]; for (j = i - 1; j > 0 && into[j] > t; j--) into[j + 1] = into[j]; into[j + 1] = t }
        return n
    }
    function median(text,    into, n) { n = sorted(text, into); return n % 2 ? into[(n + 1) / 2] : (into[n / 2] + into[n / 2 + 1]) / 2 }
    # The r-th smallest and largest with 2 P(X < r) at most 5 %, X binomial(n, 1/2).
    function interval(text,    into, n, r, p, sum) {
        n = sorted(text, into); p = 0.5 ^ n; sum = p; r = 0
        while (2 * sum <= 0.05) { r++; p = p * (n - r + 1) / r; sum += p }
        return r ? sprintf("[%.3f,%.3f]", into[r], into[n - r + 1]) : "null"
    }
    function row(name, unit, ours, theirs, ratios, bar, good) {
        printf "{\"case\":\"%s\",\"unit\":\"%s\",\"connections\":%d,\"nexus\":%s,\"axum\":%s,\"ratio\":%.3f,\"ratio_ci95\":%s,\"bar\":%s,\"pass\":%s}\n",
            name, unit, connections, ours, theirs, median(ratios), interval(ratios), bar, good ? "true" : "false"
        if (!good) missed = 1
    }
    END {
        for (i = 1; i <= pairs; i++) {
            by_rate = by_rate " " rate["nexus", i] / rate["axum", i]
            by_tail = by_tail " " p99["nexus", i] / p99["axum", i]
        }
        row("http ask", "requests/s", median(rates["nexus"]), median(rates["axum"]), by_rate, 0.6, median(by_rate) >= 0.6 && !failed)
        row("http ask p99", "ms", median(tails["nexus"]), median(tails["axum"]), by_tail, 1.5, median(by_tail) <= 1.5 && !failed)
        if (failed) print "http.sh: " failed " requests failed" > "/dev/stderr"
        exit missed
    }' "$scratch/runs"
