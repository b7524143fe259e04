#!/bin/bash
# Serves PostgreSQL, after making its data at the first start, as whoever uses the official image tells it to.
set -euo pipefail
PATH=/usr/local/pgsql/bin:$PATH
data=${PGDATA:-/var/lib/postgresql/data}
database=${POSTGRES_DB:-postgres}
if [ ! -s "$data/PG_VERSION" ]; then
  # At least the folder's parent is a volume's; the server wants one that is its own.
  install --directory --mode=0700 "$data"
  initdb --pgdata="$data" --username=postgres --auth=scram-sha-256 --pwfile=<(printf %s "$POSTGRES_PASSWORD") \
    --encoding=UTF8 --locale=C --no-sync >/dev/null
  # Nobody from outside sees it half made.
  pg_ctl --pgdata="$data" --wait --silent --options="-c listen_addresses= -c unix_socket_directories=$data" start
  export PGHOST=$data PGUSER=postgres PGPASSWORD=$POSTGRES_PASSWORD
  [ "$database" = postgres ] || psql --no-psqlrc --quiet --dbname=postgres --command="create database \"$database\""
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -e "$file" ] || psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$database" --file="$file"
  done
  pg_ctl --pgdata="$data" --wait --silent --mode=fast stop
  printf 'host all all all scram-sha-256\n' >>"$data/pg_hba.conf"
fi
exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories="$data" "$@"
