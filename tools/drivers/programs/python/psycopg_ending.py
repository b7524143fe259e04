"""psycopg 3: what the server says by itself, cancels, losses, the schema."""

import threading

import psycopg

from common import ask
from psycopg_base import DRIVER, attempt, clear, connect, feature, notes, one, program


@feature("listen")
def listen():
    with connect() as conn, connect() as other:
        conn.execute("listen drivers")
        other.execute("notify drivers, 'one'")
        with other.transaction():
            other.execute("notify drivers, 'two'")
        return [[note.channel, note.payload] for note in conn.notifies(timeout=10, stop_after=2)]


@feature("listen-again")
def listen_again():
    conn = connect()
    conn.execute("listen drivers")
    ask("end all connections")
    lost = attempt(lambda: list(conn.notifies(timeout=10)))
    with connect() as conn, connect() as other:
        conn.execute("listen drivers")
        other.execute("notify drivers, 'again'")
        return [lost, [note.payload for note in conn.notifies(timeout=10, stop_after=1)]]


@feature("notices")
def notices():
    with connect() as conn:
        said = []
        conn.add_notice_handler(lambda notice: said.append([notice.severity, notice.sqlstate, notice.message_primary]))
        conn.execute("rollback")
        conn.execute("drop table if exists nothing_of_that_name")
        return said


program.absent("only by SQL: psycopg 3 has no interface for them", "large-objects", "large-objects-any")


@feature("cancel")
def cancel():
    with connect() as conn:
        threading.Timer(0.5, conn.cancel).start()
        return [attempt(lambda: conn.execute("select pg_sleep(60)")), one(conn, "select 4")]


@feature("cancel-streaming")
def cancel_streaming():
    with connect() as conn:
        return [attempt(lambda: cancelled_stream(conn)), one(conn, "select 4")]


def cancelled_stream(conn):
    for count, _ in enumerate(conn.cursor().stream("select g, repeat('z', 200) from generate_series(1, 50000000) g")):
        if count == 1000:
            conn.cancel()


@feature("statement-timeout")
def statement_timeout():
    with connect() as conn:
        conn.execute("set statement_timeout = 300")
        return [attempt(lambda: conn.execute("select pg_sleep(60)")), one(conn, "select 4")]


program.absent("psycopg leaves it to the server", "client-timeout")


@feature("connection-lost")
def connection_lost():
    with connect() as conn:
        clear(conn)
        conn.execute("begin")
        conn.execute("insert into notes values (%s, 1, 'lost with its connection')", (DRIVER,))
        ask("end all connections")
        seen = [attempt(lambda: conn.execute("select 1")), conn.closed, attempt(lambda: conn.execute("select 1"))]
    with connect() as conn:
        return [*seen, notes(conn)]


WORKERS = 6
EACH = 40


@feature("reconnect-under-load")
def reconnect_under_load():
    with connect() as conn:
        clear(conn)
    gate = threading.Barrier(WORKERS + 1)
    states = set()
    workers = [threading.Thread(target=work, args=(number, gate, states)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for _ in range(3):
        gate.wait()
        ask("end all connections")
    for worker in workers:
        worker.join()
    with connect() as conn:
        rows = notes(conn)
        return [len(rows), len({n for n, _ in rows}), sorted(states)]


def work(number, gate, states):
    conn = connect()
    for n in range(EACH):
        if n % 10 == 5 and n < 30:
            gate.wait()
        while True:
            try:
                conn.execute(
                    "insert into notes values (%s, %s, 'once') on conflict do nothing", (DRIVER, number * EACH + n)
                )
                break
            except psycopg.OperationalError as error:
                states.add(type(error).__name__)
                conn.close()
                conn = connect()
    conn.close()


program.absent("its pool is a package of its own (psycopg_pool)", "pool-reset")


@feature("introspection")
def introspection():
    with connect() as conn:
        return conn.execute(
            "select column_name, data_type, is_nullable from information_schema.columns"
            " where table_name = 'books' order by ordinal_position"
        ).fetchall()


program.absent("no ORM", "orm-relations", "orm-schema")
