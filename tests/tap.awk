# SPDX-License-Identifier: MIT
# Reads one suite's TAP; writes its failures and skips, then "COUNTS passed failed skipped".
# In: -v status=N, the suite's exit status, and -v seconds=N, its time limit.
# Exit status 77 without a plan says that the suite cannot run here, as CTest's SKIP_RETURN_CODE has it.
# cmocka writes a skipped test as "not ok 3 # SKIP name" and a plan for each of its groups.
function failed_with(text) { failed++; print "  not ok - " text; explaining = 1 }

{ sub(/\r$/, ""); if ($0 != "") last = $0 }

/^1\.\.[0-9]+/ {
    plans++
    planned += substr($0, 4) + 0
    if (match($0, /# *[Ss][Kk][Ii][Pp]/)) {
        skipped++
        print "  skipped all: " substr($0, RSTART + RLENGTH + 1)
    }
    next
}

/^(not )?ok([ \t]|$)/ {
    ran++
    explaining = 0
    text = $0
    sub(/^(not )?ok[ \t]*[0-9]*[ \t]*(-[ \t]*)?/, "", text)
    if (match(text, /# *[Ss][Kk][Ii][Pp][Pp]?[Ee]?[Dd]?:?[ \t]*/)) {
        skipped++
        name = substr(text, 1, RSTART - 1)
        reason = substr(text, RSTART + RLENGTH)
        sub(/[ \t]+$/, "", name)
        print "  skipped " (name == "" ? reason : name ": " reason)
    } else if ($1 == "not") {
        failed_with(text)
    } else {
        passed++
    }
    next
}

/^Bail out!/ { failed_with($0); next }
/^#/ { if (explaining) print "    " $0; else if (/^# total /) print "  " substr($0, 3); next }
{ if (explaining) print "    " $0 }

END {
    if (status == 124 || (status == 137 && seconds > 0 && late))
        failed_with("ended after its " seconds " seconds")
    else if (status > 128)
        failed_with("killed by signal " status - 128)
    else if (status == 77 && !plans && !failed) {
        skipped++
        print "  skipped all: " (last == "" ? "exit status 77" : last)
    } else if (!plans)
        failed_with("printed no plan, exit status " status)
    else if (planned != ran)
        failed_with("planned " planned " tests and ran " ran ", exit status " status)
    else if (status != 0 && !failed)
        failed_with("every test passed, yet the exit status is " status)
    printf "COUNTS %d %d %d\n", passed, failed, skipped
}
