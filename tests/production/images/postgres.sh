#!/bin/bash
# What the entry point of the image postgres:15 does, as far as docker-compose.yaml relies on it.
set -euo pipefail
PGDATA=/var/lib/postgresql/data
PATH=/usr/lib/postgresql/15/bin:$PATH
# a change of the user would undo what ends it together with the tests
as_postgres=(setpriv --pdeathsig KILL --reuid=postgres --regid=postgres --init-groups)

: "${POSTGRES_PASSWORD:?the database is not initialised, and there is no password for its superuser}"
install --directory --mode=0777 /var/run/postgresql
chown postgres:postgres "$PGDATA"
chmod 0700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  (umask 077 && printf '%s' "$POSTGRES_PASSWORD" >/var/run/postgresql/password)
  chown postgres:postgres /var/run/postgresql/password
  "${as_postgres[@]}" initdb --pgdata="$PGDATA" --encoding=UTF8 --username=postgres --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile=/var/run/postgresql/password >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
fi
export PGDATA
exec "${as_postgres[@]}" "$@"
