#!/bin/sh
# Python packages in an environment of their own, made anew when their versions or Python's change. It is found under
# .cache/venv/NAME. Without arguments those of the drivers, as `current`: python.sh [REQUIREMENTS NAME WHAT].
set -u
cd "$(dirname "$0")/../.."
requirements=${1:-test/drivers/requirements.txt}
name=${2:-current}
what=${3:-psycopg asyncpg SQLAlchemy}
python=$(command -v python3) || { echo "setup: Python packages are missing ($what): install Python 3.10 or newer" >&2; exit 1; }
key=$({ cat "$requirements"; "$python" -V; } | sha256sum | cut -c1-16)
home=$PWD/.cache/venv/$key
if [ ! -f "$home/complete" ]; then
  echo "setup: pip install $what"
  rm -rf -- "$home"
  mkdir -p .cache/venv
  { "$python" -m venv "$home" \
    && "$home/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: -r "$requirements"; } >/dev/null 2>&1 || {
    rm -rf -- "$home"
    rm -f ".cache/venv/$name"
    echo "setup: Python packages are missing ($what): pip could not install $requirements" >&2
    exit 1
  }
  touch "$home/complete"
fi
ln -sfn "$key" ".cache/venv/$name"
