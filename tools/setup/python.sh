#!/bin/sh
# psycopg and asyncpg in an environment of their own, made anew when their versions or Python's change. It is found under
# .cache/venv/current.
set -u
cd "$(dirname "$0")/../.."
python=$(command -v python3) || { echo "setup: psycopg and asyncpg are missing: install Python 3.10 or newer" >&2; exit 1; }
requirements=test/drivers/requirements.txt
key=$({ cat "$requirements"; "$python" -V; } | sha256sum | cut -c1-16)
home=$PWD/.cache/venv/$key
if [ ! -f "$home/complete" ]; then
  echo "setup: pip install psycopg asyncpg"
  rm -rf -- "$home"
  mkdir -p .cache/venv
  { "$python" -m venv "$home" \
    && "$home/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: -r "$requirements"; } >/dev/null 2>&1 || {
    rm -rf -- "$home"
    rm -f .cache/venv/current
    echo "setup: psycopg and asyncpg are missing: pip could not install $requirements" >&2
    exit 1
  }
  touch "$home/complete"
fi
ln -sfn "$key" .cache/venv/current
