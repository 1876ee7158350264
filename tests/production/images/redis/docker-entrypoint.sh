#!/bin/bash
# The image's entry point: a server that root starts goes on as the user redis, to whom /data is given; all else runs as it is.
set -euo pipefail
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  chown -R redis:redis /data
  # a change of the user would undo what ends it together with the tests
  exec setpriv --pdeathsig KILL --reuid=redis --regid=redis --clear-groups "$@"
fi
exec "$@"
