"""What the Python programs share: one line of JSON for each step, with what the driver saw."""

import base64
import json


def say(step, saw):
    print(json.dumps({"step": step, "saw": saw}, default=shown, ensure_ascii=False), flush=True)


def shown(value):
    if isinstance(value, (bytes, memoryview)):
        return base64.b16encode(bytes(value)).decode()
    return str(value)


READ = (
    "select id, name, balance, joined, born, active, profile, raw, tags"
    " from people where id between %s and %s order by id"
)
