#!/bin/bash
# What the image redis does: the server runs in /data, and whatever is called is called by its entry point.
set -euo pipefail
cd /data
PATH=$(dirname "$0")/redis:$PATH
exec docker-entrypoint.sh "$@"
