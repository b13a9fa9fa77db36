#!/bin/sh
# Every test, in two processes side by side: what needs a platform or builds packages, with the contract tests, so that
# both take about as long; and the rest, whose output comes when both are done.
set -u
python=$1
rest_log=$(mktemp)
"$python" -m pytest -o cache_dir=.pytest_cache/rest \
    --ignore=tests/browser --ignore=tests/e2e --ignore=tests/infra --ignore=tests/contract >"$rest_log" 2>&1 &
rest=$!
trap 'kill "$rest" 2>/dev/null; rm -f "$rest_log"; exit 130' INT TERM
"$python" -m pytest tests/browser tests/e2e tests/infra tests/contract
platform_status=$?
wait "$rest"
rest_status=$?
cat "$rest_log"
rm -f "$rest_log"
[ "$platform_status" -eq 0 ] || echo "tests/browser, tests/e2e, tests/infra or tests/contract failed: see above." >&2
exit $((platform_status ? platform_status : rest_status))
