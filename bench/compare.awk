# Turns the runs of one case into rows. In: pair, who, name, case, unit, value,
# tab separated; who is nexus, peer or floor. Ends with 1 when a bar is missed.
#
# Absent on purpose: any run left out as an outlier. The median needs no such help.

BEGIN {
    FS = "\t"
    missed = 0

    # How many times better than the best peer. Source of every bar: the speed
    # section of the plan for one node; the same figures stand in README.md.
    peer_bar["tell 1->1"] = 2; peer_bar["tell 2->1"] = 2; peer_bar["tell 2->10k"] = 2
    peer_bar["ask queued mean"] = 2

    # On our own figure. Whether it is a ceiling or a floor follows from the unit.
    limit["ask mean"] = 50
    limit["spawn named 1M memory"] = 200
    limit["spawn named 1M rate"] = 1000000
    limit["register at 1M"] = 1000
    limit["decide 1000"] = 1000
    limit["cpu 1000 agents 1 msg/s"] = 0.5

    # How many times better than something that is no peer.
    floor_bar["tell 1->1 vs raw"] = 1; floor_bar["tell 2->1 vs raw"] = 1; floor_bar["tell 2->10k vs raw"] = 1

    # Figures that are judged against another of ours from the same run.
    own["ask at 1M agents"] = "ask at 1k agents"
    own_name["ask at 1M agents"] = "1k"
    floor_bar["ask at 1M agents vs 1k"] = 0.5
    own["lookup among 1000000 names"] = "hash table get among 1000000 names"
    own_name["lookup among 1000000 names"] = "hash table get"
    floor_bar["lookup among 1000000 names vs hash table get"] = 0.5
}

{
    if ($2 == "nexus" && !($4 in unit)) ours[++ours_n] = $4
    if ($2 == "nexus") unit[$4] = $5
    if ($2 != "nexus" && !(($2, $3) in seen)) { seen[$2, $3]; others[++others_n] = $3; role[others_n] = $2 }
    value[$3, $4, $1] = $6
    if ($1 > pairs) pairs = $1
}

END {
    for (i = 1; i <= ours_n; i++) rows_of(ours[i])
    n = split(expected, names, "|")
    for (i = 1; i <= n; i++)
        if (!(names[i] in printed)) {
            mine = median_of("nexus", names[i])
            row(names[i], mine == "none" ? "null" : short(mine), "null", "null", "null", "null", bar_of(names[i]), "false", kind_of(names[i]))
            print "missing: " names[i] " could not be judged" > "/dev/stderr"
        }
    exit missed
}

function rows_of(name,    i, best, best_value, v, kind, theirs) {
    # Peers have one way to ask; both of ours are held against it.
    theirs = name
    sub(/^ask queued/, "ask", theirs)
    best = ""
    for (i = 1; i <= others_n; i++) {
        if (role[i] != "peer" || (v = median_of(others[i], theirs)) == "none") continue
        if (best == "" || better(unit[name], v, best_value)) { best = others[i]; best_value = v }
    }
    kind = kind_of(name)
    # A bar against peers with no peer to hold it against is left to `expected`.
    if (kind != "" || best != "") compared(name, name, best, theirs, best_value, kind, bar_of(name))
    for (i = 1; i <= others_n; i++)
        if (role[i] == "floor" && (v = median_of(others[i], theirs)) != "none")
            compared(name " vs " others[i], name, others[i], theirs, v, "floor", bar_of(name " vs " others[i]))
    if (name in own && (v = median_of("nexus", own[name])) != "none")
        compared(name " vs " own_name[name], name, "nexus", own[name], v, "floor", bar_of(name " vs " own_name[name]))
}

# One row: our figure `name` against the figure `theirs` of `other`.
function compared(title, name, other, theirs, other_value, kind, bar,    n, i, r, list, ci, ratio, mine, passed) {
    mine = median_of("nexus", name)
    n = 0
    if (other != "")
        for (i = 1; i <= pairs; i++)
            if ((("nexus" SUBSEP name SUBSEP i) in value) && ((other SUBSEP theirs SUBSEP i) in value)) {
                r = ratio_of(unit[name], value["nexus", name, i], value[other, theirs, i])
                if (r != "none") list[++n] = r
            }
    ratio = n ? median(list, n) : "null"
    ci = n ? interval(list, n) : "null"
    passed = "null"
    if (kind == "limit") passed = at_least(unit[name], mine, bar) ? "true" : "false"
    else if (bar != "null") passed = (ratio != "null" && ratio >= bar) ? "true" : "false"
    row(title, short(mine), other == "" ? "null" : short(other_value), other == "" ? "null" : "\"" other_title(other, theirs) "\"", \
        ratio == "null" ? ratio : sprintf("%.3f", ratio), ci, bar, passed, kind)
}

function other_title(other, theirs) { return other == "nexus" ? "nexus, " theirs : other }

# The kind says what the bar is about; a row without one is ours against the best peer.
function row(title, mine, best, best_name, ratio, ci, bar, passed, kind) {
    printed[title]
    if (passed == "false") missed = 1
    printf "{\"case\":\"%s\",\"nexus\":%s,\"best_peer\":%s,\"best_peer_name\":%s,\"ratio\":%s,\"ratio_ci95\":%s,\"bar\":%s,\"pass\":%s%s}\n", \
        title, mine, best, best_name, ratio, ci, bar, passed, kind == "" ? "" : ",\"kind\":\"" kind "\""
    fflush()
}

function kind_of(title) {
    if (title in peer_bar) return ""
    if (title in limit) return "limit"
    if (title in floor_bar) return "floor"
    return "info"
}

function bar_of(title) {
    if (title in peer_bar) return peer_bar[title]
    if (title in limit) return limit[title]
    if (title in floor_bar) return floor_bar[title]
    return "null"
}

function is_rate(u) { return u ~ /\/s$/ }
function better(u, a, b) { return is_rate(u) ? a > b : a < b }
function at_least(u, a, bar) { return is_rate(u) ? a + 0 >= bar + 0 : a + 0 <= bar + 0 }

# Above 1 means we are better, whichever way the unit points.
function ratio_of(u, a, b) {
    if (is_rate(u)) return b + 0 > 0 ? a / b : "none"
    return a + 0 > 0 ? b / a : "none"
}

function median_of(who, name,    n, i, list) {
    n = 0
    for (i = 1; i <= pairs; i++) if ((who SUBSEP name SUBSEP i) in value) list[++n] = value[who, name, i] + 0
    return n ? median(list, n) : "none"
}

function median(list, n) {
    sort(list, n)
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The number of values below the true median is binomial with one half, so the
# r-th smallest and r-th largest enclose it with probability 1 - 2 P(X < r),
# whatever the distribution. Takes the largest r that keeps 95 %. Below six
# values even the extremes do not, and there is no interval to state.
function interval(list, n,    r, k, p, tail) {
    sort(list, n)
    # Halved in a loop: one common awk is built without powers.
    p = 1
    for (k = 1; k <= n; k++) p /= 2
    tail = p
    r = 0
    for (k = 1; 2 * tail <= 0.05; k++) {
        r = k
        p = p * (n - k + 1) / k
        tail += p
    }
    return r ? sprintf("[%.3f,%.3f]", list[r], list[n + 1 - r]) : "null"
}

function sort(list, n,    i, j, v) {
    for (i = 2; i <= n; i++) {
        v = list[i]
        for (j = i - 1; j > 0 && list[j] > v; j--) list[j + 1] = list[j]
        list[j + 1] = v
    }
}

function short(v) {
    if (v >= 1000) return sprintf("%.0f", v)
    return v >= 10 ? sprintf("%.1f", v) : sprintf("%.3f", v)
}
