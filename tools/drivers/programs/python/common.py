"""What the Python programs share: one line of JSON for each feature, with what the driver saw."""

import asyncio
import inspect
import json
import os
import sys
import traceback

ENV = os.environ
SIDE = {
    "host": ENV["PGHOST"],
    "port": int(ENV["PGPORT"]),
    "user": ENV["PGUSER"],
    "password": ENV["PGPASSWORD"],
    "dbname": ENV["PGDATABASE"],
}
AUTHORITY = ENV["PGSSLROOTCERT"]
OTHER_AUTHORITY = ENV["OTHER_AUTHORITY"]
PORTS = {name: int(ENV[name + "_PORT"]) for name in ("DEAD", "READONLY", "SILENT", "CLEAR", "ANY", "SOCKET")}
SOCKET_FOLDER = ENV["SOCKET_FOLDER"]


FEATURE_SECONDS_MAX = 40


class Program:
    """A driver's features, each a function under its name."""

    def __init__(self, versions):
        self.versions = versions
        self.features = {}

    def feature(self, name):
        def keep(function):
            self.features[name] = function
            return function

        return keep

    def absent(self, why, *names):
        for name in names:
            self.features[name] = why

    def run(self):
        say({"versions": self.versions})
        for name in sys.argv[1:]:
            said = self.features.get(name)
            if isinstance(said, str):
                say({"feature": name, "absent": said})
            elif said is not None:
                say({"feature": name, **outcome(said)})


def outcome(function):
    try:
        saw = function()
        return {"saw": asyncio.run(asyncio.wait_for(saw, FEATURE_SECONDS_MAX)) if inspect.iscoroutine(saw) else saw}
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is what the driver does
        if ENV.get("EXPLAIN"):
            traceback.print_exc()
        return {"failed": {"state": state_of(error), "text": text_of(error)}}


def text_of(error):
    """All that the server, the gateway and the driver said."""
    cause = getattr(error, "orig", None) or error
    detail = getattr(getattr(cause, "diag", None), "message_detail", None) or getattr(cause, "detail", None)
    return " ".join(part for part in (type(cause).__name__, str(cause), detail) if part)


def state_of(error):
    """The SQLSTATE; where the driver has none, the kind of its error."""
    cause = getattr(error, "orig", None) or error
    return getattr(cause, "sqlstate", None) or type(cause).__name__


def ask(what):
    say({"ask": what})
    sys.stdin.readline()


def say(line):
    print(json.dumps(line, default=shown, ensure_ascii=False), flush=True)


def shown(value):
    if isinstance(value, (bytes, memoryview)):
        return base16(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def base16(value):
    return bytes(value).hex()
