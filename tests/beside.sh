#!/usr/bin/env bash
# Runs `tests/production` beside what pytest is told: each waits for its own services most of the time. What the former prints
# comes when both have ended; it fails where one has failed.
set -uo pipefail

printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
.venv/bin/python -m pytest -q tests/production >"$printed" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null' INT TERM
.venv/bin/python -m pytest -q "$@"
ended=$?
wait "$beside" || ended=$?
cat "$printed"
exit "$ended"
