#!/bin/sh
# PostgreSQL's regression tests and node-postgres' integration tests, from Debian's source packages into .cache/conformance. apt gets
# a configuration of its own there: nothing of the system's is changed, and no right of root's is needed.
set -u
cd "$(dirname "$0")/../.."
cache=$PWD/.cache/conformance
# Where this system has its own packages from.
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 2>/dev/null | grep '/debian/$' | head -n 1 | sed 's|/$||')}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
helper=/usr/lib/apt/apt-helper

fail() {
  echo "setup: conformance cannot be run: $1" >&2
  exit 1
}
[ -e "$cache/regress/parallel_schedule" ] && [ -e "$cache/node-postgres/packages/pg/test/test-helper.js" ] && exit 0
for program in apt-get apt-cache dpkg-deb gcc tar bzip2 npm; do
  command -v "$program" >/dev/null 2>&1 || fail "$program is missing"
done
[ -x "$helper" ] || fail "apt-helper is missing"
[ -e "$keyring" ] || fail "Debian's archive keyring is missing"
[ -n "$mirror" ] || fail "apt has no lists of Debian's yet: run apt-get update, or set DEBIAN_MIRROR"
mkdir -p "$cache"
work=$(mktemp -d "$cache/draft.XXXXXX") || exit 1
trap 'rm -rf -- "$work"' EXIT

# apt_of SUITES PROGRAM ARGUMENTS…
apt_of() {
  suites=$1
  shift
  program=$1
  shift
  "$program" -qq -o Dir::Etc::sourcelist="$work/$suites.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$work/$suites" -o Dir::Cache="$work/$suites-cache" -o APT::Sandbox::User=root "$@"
}

# index NAME KIND SUITE…
index() {
  name=$1
  kinds=$2
  shift 2
  mkdir -p "$work/$name-cache/archives/partial" "$work/$name/partial"
  for place in "$@"; do
    for kind in $kinds; do echo "$kind [signed-by=$keyring] $place main"; done
  done >"$work/$name.list"
  apt_of "$name" apt-get update >/dev/null 2>&1
}

# fetch NAME PACKAGE PATTERN TARGET: the one file of a source package whose name fits.
fetch() {
  line=$(apt_of "$1" apt-get source --print-uris "$2" 2>/dev/null | grep "$3" | head -n 1)
  [ -n "$line" ] || return 1
  uri=$(echo "$line" | cut -d"'" -f2)
  sum=$(echo "$line" | awk '{print $4}')
  "$helper" -qq download-file "$uri" "$4" "$sum" >/dev/null 2>&1
}

regress() {
  echo "setup: PostgreSQL 15's regression tests, from Debian's source package"
  index stable "deb deb-src" "$mirror bookworm" "$mirror-security bookworm-security" || fail "Debian's package lists cannot be read"
  # As the server that is tested, where Debian has that one still.
  wanted=$(sed -n 's/.*"version": *"\([0-9]*\.[0-9]*\).*/\1/p' node_modules/pg15-linux-x64/package.json)
  versions=$(apt_of stable apt-cache showsrc postgresql-15 | sed -n 's/^Version: //p')
  version=$(echo "$versions" | grep "^$wanted-" || echo "$versions" | sort -V | tail -n 1)
  version=$(echo "$version" | head -n 1)
  fetch stable "postgresql-15=$version" 'orig\.tar\.bz2' "$work/postgresql.tar.bz2" || fail "the source of postgresql-15 $version cannot be had"
  (cd "$work" && apt_of stable apt-get download "postgresql-server-dev-15=$version" >/dev/null 2>&1) || fail "postgresql-server-dev-15 $version cannot be had"
  dpkg-deb -x "$work"/postgresql-server-dev-15_*.deb "$work/dev"
  mkdir "$work/source"
  tar xjf "$work/postgresql.tar.bz2" -C "$work/source" --strip-components=1 --wildcards '*/src/test/regress' '*/contrib/spi/*.c' || fail "the source does not unpack"
  tests=$work/source/src/test/regress
  include=$work/dev/usr/include/postgresql/15/server
  mkdir "$tests/libraries" "$work/include"
  printf '#define %s ""\n' PGBINDIR LIBDIR PGSHAREDIR PKGLIBDIR >"$work/include/pg_config_paths.h"
  gcc -O1 -w -I"$work/include" -I"$include" '-DHOST_TUPLE="linux"' '-DSHELLPROG="/bin/sh"' '-DDLSUFFIX=".so"' \
    "$tests/pg_regress.c" "$tests/pg_regress_main.c" -L"$work/dev/usr/lib/postgresql/15/lib" -lpgcommon -lpgport \
    -o "$tests/pg_regress" || fail "pg_regress does not compile"
  for file in "$tests/regress.c" "$work/source/contrib/spi/refint.c" "$work/source/contrib/spi/autoinc.c"; do
    gcc -O1 -w -shared -fPIC -I"$include" "$file" -o "$tests/libraries/$(basename "$file" .c).so" || fail "$file does not compile"
  done
  echo "$version" >"$tests/version"
  mv "$tests" "$cache/regress"
}

node_postgres() {
  echo "setup: node-postgres' integration tests, from Debian's source package"
  mkdir "$work/node-postgres"
  # The newest that the mirror has: some carry not every file of every suite.
  for suite in sid trixie bookworm; do
    index "$suite" deb-src "$mirror $suite" || continue
    fetch "$suite" node-postgres '\.orig\.tar\.gz' "$work/node-postgres.tar.gz" || continue
    tar xzf "$work/node-postgres.tar.gz" -C "$work/node-postgres" --strip-components=1 --wildcards '*/packages/pg' || continue
    # What its tests lean on, at the versions that its package.json says; everything else is among our own packages.
    (cd "$work" && npm pack --silent async@2.6.4 lodash@4.17.21 bluebird@3.7.2 co@4.6.0 >/dev/null) ||
      fail "npm could not fetch async, lodash, bluebird and co"
    for package in async lodash bluebird co; do
      mkdir -p "$work/node-postgres/node_modules/$package"
      tar xzf "$work/$package"-[0-9]*.tgz -C "$work/node-postgres/node_modules/$package" --strip-components=1 ||
        fail "$package does not unpack"
    done
    # Five seconds for each test are for an idle machine.
    sed -i 's/this\.timeout = 5000/this.timeout = 60000/' "$work/node-postgres/packages/pg/test/suite.js"
    mv "$work/node-postgres" "$cache/node-postgres"
    return
  done
  fail "the source of node-postgres cannot be had"
}

[ -e "$cache/regress/parallel_schedule" ] || regress
[ -e "$cache/node-postgres/packages/pg/test/test-helper.js" ] || node_postgres
