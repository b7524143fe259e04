"""psycopg 3: many rows, and transactions."""

import psycopg

from common import PORTS
from psycopg_base import DRIVER, attempt, clear, connect, feature, notes, one

INSERT = "insert into notes values (%s, %s, %s)"


@feature("batch")
def batch():
    with connect() as conn:
        clear(conn)
        with conn.cursor() as cursor:
            cursor.executemany(INSERT + " returning n", [(DRIVER, n, f"row {n}") for n in range(500)], returning=True)
            back = [result.fetchone()[0] for result in cursor.results()]
        return [sum(back), len(notes(conn))]


@feature("batch-error")
def batch_error():
    with connect() as conn:
        clear(conn)
        rows = [(DRIVER, n, "row") for n in (1, 2, 3, 3, 4)]
        return [attempt(lambda: conn.cursor().executemany(INSERT, rows)), notes(conn), one(conn, "select 5")]


@feature("pipeline")
def pipeline():
    with connect() as conn, conn.pipeline():
        cursors = [conn.execute("select name from people where id = %s", (n,)) for n in range(1, 101)]
        return [cursor.fetchone()[0] for cursor in cursors]


@feature("pipeline-error")
def pipeline_error():
    with connect() as conn:
        clear(conn)
        seen = [attempt(lambda: failing(conn)), notes(conn)]
        with conn.pipeline() as pipe:
            conn.execute(INSERT, (DRIVER, 10, "kept"))
            pipe.sync()
            seen.append(attempt(lambda: one(conn, "select 1 / 0")))
            seen.append(attempt(lambda: one(conn, "select 2")))
        return [*seen, notes(conn), one(conn, "select 3")]


def failing(conn):
    with conn.pipeline():
        conn.execute(INSERT, (DRIVER, 1, "lost with its pipeline"))
        conn.execute("select 1 / 0")
        conn.execute(INSERT, (DRIVER, 2, "never"))


@feature("cursor")
def cursor():
    with connect() as conn, conn.transaction(), conn.cursor(name="walk") as walk:
        walk.itersize = 300
        walk.execute("select id, name from people where id > %s order by id", (1,))
        return [sum(row[0] for row in walk), walk.description[1].name]


@feature("cursor-hold")
def cursor_hold():
    with connect() as conn:
        with conn.transaction():
            walk = conn.cursor(name="held", withhold=True, scrollable=True)
            walk.execute("select id from people order by id limit 50")
        seen = [walk.fetchmany(3)]
        walk.scroll(40, mode="absolute")
        seen.append(walk.fetchmany(2))
        walk.scroll(-5)
        seen.append(walk.fetchone())
        walk.close()
        return seen


SERIES = "select g, repeat('y', 500) from generate_series(1, 20000) g"


@feature("stream")
def stream():
    with connect() as conn:
        total = 0
        for row in conn.cursor().stream(SERIES):
            total += row[0] + len(row[1])
        return total


@feature("stream-left")
def stream_left():
    with connect() as conn:
        rows = conn.cursor().stream(SERIES)
        first = [next(rows)[0] for _ in range(3)]
        rows.close()
        return [first, one(conn, "select 4")]


COPY_IN = "copy notes (driver, n, body) from stdin"
COPY_OUT = "copy (select n, body from notes where driver = 'psycopg' order by n) to stdout"


@feature("copy-in")
def copy_in():
    with connect() as conn:
        clear(conn)
        with conn.cursor() as cursor:
            with cursor.copy(COPY_IN) as copy:
                for n in range(2000):
                    copy.write_row((DRIVER, n, f"a\tline {n}" if n % 2 else None))
            return [cursor.rowcount, notes(conn)[-2:]]


@feature("copy-out")
def copy_out():
    with connect() as conn, conn.cursor() as cursor:
        with cursor.copy("copy people (id, name, tags, raw) to stdout (format csv, header)") as copy:
            out = b"".join(bytes(part) for part in copy)
        return [len(out), out[:80].decode(), out[-60:].decode()]


@feature("copy-binary")
def copy_binary():
    with connect() as conn, conn.cursor() as cursor:
        clear(conn)
        with cursor.copy(COPY_IN + " (format binary)") as copy:
            copy.set_types(["text", "int4", "text"])
            for n in range(300):
                copy.write_row((DRIVER, n, f"line {n}"))
        with cursor.copy(COPY_OUT + " (format binary)") as copy:
            copy.set_types(["int4", "text"])
            rows = list(copy.rows())
        return [len(rows), rows[-1]]


@feature("copy-bad-row")
def copy_bad_row():
    with connect() as conn:
        clear(conn)
        return [attempt(lambda: copy_lines(conn, "psycopg\t1\tfine\npsycopg\tnot a number\tbad\n")), notes(conn)]


@feature("copy-abandoned")
def copy_abandoned():
    with connect() as conn:
        clear(conn)
        try:
            copy_lines(conn, "psycopg\t1\tfine\n", ValueError("thought better of it"))
        except ValueError as error:
            return [str(error), notes(conn), one(conn, "select 5")]


def copy_lines(conn, lines, then=None):
    with conn.cursor() as cursor, cursor.copy(COPY_IN) as copy:
        copy.write(lines)
        if then is not None:
            raise then


@feature("transactions")
def transactions():
    with connect() as conn:
        clear(conn)
        with conn.transaction():
            conn.execute(INSERT, (DRIVER, 1, "kept"))
        seen = [attempt(lambda: within(conn, 2, "select 1 / 0"))]
        conn.execute("begin")
        conn.execute(INSERT, (DRIVER, 3, "lost"))
        seen += [attempt(lambda: conn.execute("select nothing")), attempt(lambda: conn.execute("select 1"))]
        seen.append(conn.info.transaction_status.name)
        conn.execute("commit")
        return [*seen, conn.info.transaction_status.name, notes(conn)]


def within(conn, n, text):
    with conn.transaction():
        conn.execute(INSERT, (DRIVER, n, "in a transaction"))
        conn.execute(text)


@feature("savepoints")
def savepoints():
    with connect() as conn:
        clear(conn)
        with conn.transaction():
            conn.execute(INSERT, (DRIVER, 1, "kept"))
            seen = [attempt(lambda: within(conn, 1, "select 1")), attempt(lambda: within(conn, 2, "select 1"))]
        return [len(seen), seen[0], notes(conn)]


@feature("isolation")
def isolation():
    with connect() as conn:
        conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        conn.read_only = True
        conn.deferrable = True
        with conn.transaction():
            seen = [one(conn, "show transaction_isolation"), one(conn, "show transaction_deferrable")]
        return [*seen, attempt(lambda: within(conn, 1, "select 1"))]


@feature("two-phase")
def two_phase():
    with connect(port=PORTS["ANY"]) as conn:
        conn.autocommit = False
        clear(conn)
        conn.commit()
        for n, done in ((1, conn.tpc_commit), (2, conn.tpc_rollback)):
            xid = conn.xid(42, f"psycopg {n}", "branch")
            conn.tpc_begin(xid)
            conn.execute(INSERT, (DRIVER, n, "in two phases"))
            conn.tpc_prepare()
            done()
        return notes(conn)
