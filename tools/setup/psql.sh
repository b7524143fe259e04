#!/bin/sh
# psql, from the distribution.
set -u
command -v psql >/dev/null 2>&1 && exit 0
exec "$(dirname "$0")/packages.sh" "psql is missing (on other systems install the PostgreSQL client)" postgresql-client-15
