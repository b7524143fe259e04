"""
What a core of a process would hold, looked through for words: `memory.py PID`, and the words, a line each, on the standard input, where
the search does not find itself. Prints the numbers of those that are there.
"""
import re
import sys

PIECE = 1 << 22
words = [word.encode() for word in sys.stdin.read().splitlines()]
# Texts of JavaScript may be two bytes a letter.
needles = [(number, form) for number, word in enumerate(words) for form in (word, word.decode().encode("utf-16-le"))]
overlap = max(len(form) for _, form in needles)
found = set()
pid = sys.argv[1]
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
    for line in maps:
        start, end = (int(edge, 16) for edge in re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line).groups()) if " rw" in line else (0, 0)
        for at in range(start, end, PIECE):
            try:
                memory.seek(at)
                piece = memory.read(min(PIECE + overlap, end - at))
            except OSError:
                # Reserved, with nothing behind it.
                continue
            found |= {number for number, form in needles if form in piece}
print(*sorted(found) or ["none"])
