#!/bin/bash
# What the entry point of the image redis does: the server runs in /data.
set -euo pipefail
cd /data
exec "$@"
