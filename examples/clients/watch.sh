#!/bin/sh
# A client in shell, with socat or nc, and jq: prints the counts whenever everything is verified, and the tests
# that fail, until the daemon leaves.
#
#   watch.sh [DIR]
set -eu

socket=$(snifferctl -C "${1:-.}" socket)
command -v jq >/dev/null || { echo "watch.sh: jq is missing; install it" >&2; exit 1; }
if command -v socat >/dev/null; then
    talk() { socat -t 1000000000 - "UNIX-CONNECT:$socket"; } # go on reading when there is no more to say
elif command -v nc >/dev/null; then
    talk() { nc -U -N "$socket"; }
else
    echo "watch.sh: neither socat nor nc is there; install one" >&2
    exit 1
fi

echo '{"id":1,"method":"subscribe","params":{"topics":["stats","result"]}}' | talk |
    jq --unbuffered -r '
        def counts: select(.to_be_run == 0) | "\(.tests) tests, \(.failures + .errors) failed";
        if .method == "snapshot" then .params.status.stats | counts
        elif .method == "stats" then .params | counts
        elif .method == "result" then .params | select(.outcome == "failure" or .outcome == "error")
            | "\(.file) \(.test): \(.exception)"
        else empty end'
