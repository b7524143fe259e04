"""psycopg 3, unchanged; where to connect comes from libpq's own variables."""

import threading

import psycopg
from psycopg.rows import tuple_row

from common import READ, say

DRIVER = "psycopg"


def main():
    with psycopg.connect("", autocommit=True, row_factory=tuple_row) as conn:
        say("tls", conn.pgconn.ssl_in_use)
        conn.execute("set timezone to 'UTC'")
        conn.execute("delete from notes where driver = %s", (DRIVER,))
        say("read", conn.execute(READ, (5, 8)).fetchall())
        say("read in binary", conn.execute(READ, (5, 8), binary=True).fetchall())
        transactions(conn)
        prepared(conn)
        cursors(conn)
        copies(conn)
        pipelines(conn)
        cancelled(conn)
        say("mask", conn.execute("select id, email from people where id <= 3 order by id").fetchall())
        binary = conn.execute("select id, email from people where id <= 3 order by id", binary=True)
        say("mask in binary", binary.fetchall())
        refused(conn)


def transactions(conn):
    with conn.transaction():
        conn.execute("insert into notes values (%s, 1, 'kept')", (DRIVER,))
    try:
        with conn.transaction():
            conn.execute("insert into notes values (%s, 2, 'lost')", (DRIVER,))
            conn.execute("select 1 / 0")
    except psycopg.Error as error:
        say("error in a transaction", error.sqlstate)
    with conn.transaction():
        conn.execute("insert into notes values (%s, 3, 'kept')", (DRIVER,))
        try:
            with conn.transaction():
                conn.execute("insert into notes values (%s, 3, 'twice')", (DRIVER,))
        except psycopg.Error as error:
            say("error behind a savepoint", error.sqlstate)
    say("transactions", conn.execute("select n, body from notes where driver = %s order by n", (DRIVER,)).fetchall())


def prepared(conn):
    names = [
        conn.execute("select name from people where id = %s", (n,), prepare=True).fetchone()[0] for n in range(1, 9)
    ]
    say("prepared", names)


def cursors(conn):
    with conn.transaction(), conn.cursor(name="walk") as cursor:
        cursor.itersize = 300
        cursor.execute("select id from people order by id")
        say("cursor", sum(row[0] for row in cursor))


def copies(conn):
    with conn.cursor() as cursor:
        with cursor.copy("copy notes (driver, n, body) from stdin") as copy:
            for n in range(100, 600):
                copy.write_row((DRIVER, n, f"line {n}"))
        out = b""
        with cursor.copy("copy (select n, body from notes where driver = 'psycopg' and n >= 100 order by n) to stdout") as copy:
            for part in copy:
                out += bytes(part)
        say("copy", [len(out), out[:24].decode(), out[-24:].decode()])


def pipelines(conn):
    with conn.pipeline():
        cursors = [conn.execute("select name from people where id = %s", (n,)) for n in (1, 2, 3)]
        say("pipeline", [cursor.fetchone()[0] for cursor in cursors])
    try:
        with conn.pipeline():
            conn.execute("select 1 / 0")
            conn.execute("select 2")
    except psycopg.Error as error:
        say("error in a pipeline", error.sqlstate)
    say("after the pipeline", conn.execute("select 3").fetchone()[0])


def cancelled(conn):
    threading.Timer(0.5, conn.cancel).start()
    try:
        conn.execute("select pg_sleep(60)")
    except psycopg.Error as error:
        say("cancel", error.sqlstate)
    say("after the cancel", conn.execute("select 4").fetchone()[0])


def refused(conn):
    try:
        saw = len(conn.execute("select value from secrets").fetchall())
    except psycopg.Error as error:
        saw = error.sqlstate
    say("refused", saw)
    try:
        with conn.pipeline():
            first = conn.execute("select 5")
            second = conn.execute("select value from secrets")
            saw = [first.fetchone()[0], len(second.fetchall())]
    except psycopg.Error as error:
        saw = error.sqlstate
    say("refused in a pipeline", saw)
    say("after the refusals", conn.execute("select 6").fetchone()[0])


main()
