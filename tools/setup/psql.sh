#!/bin/sh
# psql, from the distribution.
set -u
command -v psql >/dev/null 2>&1 && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: psql is missing: install the PostgreSQL client (Debian: postgresql-client-15)" >&2
  exit 1
fi
echo "setup: apt-get install postgresql-client-15"
export DEBIAN_FRONTEND=noninteractive
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends postgresql-client-15; } >/dev/null 2>&1 || {
  echo "setup: psql is missing, and apt-get could not install postgresql-client-15" >&2
  exit 1
}
