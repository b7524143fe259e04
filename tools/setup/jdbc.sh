#!/bin/sh
# pgjdbc, as one file under .cache/jdbc.
set -u
cd "$(dirname "$0")/../.."
version=42.7.11
jar=.cache/jdbc/postgresql-$version.jar
if [ -f "$jar" ]; then exit 0; fi
for program in java mvn; do
  command -v "$program" >/dev/null 2>&1 || { echo "setup: pgjdbc is missing: install a JDK 17 and Maven" >&2; exit 1; }
done
echo "setup: mvn dependency:copy postgresql:$version"
mkdir -p .cache/jdbc
draft=$(mktemp -d .cache/jdbc/draft.XXXXXX) || exit 1
trap 'rm -rf -- "$draft"' EXIT
mvn --batch-mode --quiet dependency:copy -Dartifact="org.postgresql:postgresql:$version" -DoutputDirectory="$PWD/$draft" >/dev/null 2>&1 \
  && mv "$draft/postgresql-$version.jar" "$jar" || {
  echo "setup: pgjdbc is missing: Maven could not fetch org.postgresql:postgresql:$version" >&2
  exit 1
}
