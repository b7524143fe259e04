"""psycopg 3: what its features share."""

import psycopg
from psycopg.rows import tuple_row

from common import AUTHORITY, SIDE, Program, state_of

libpq = psycopg.pq.version()
program = Program(f"psycopg {psycopg.__version__} (libpq {libpq // 10000}.{libpq % 10000})")
feature = program.feature
DRIVER = "psycopg"


def connect(**changed):
    settings = {**SIDE, "sslmode": "verify-full", "sslrootcert": AUTHORITY, **changed}
    return psycopg.connect(autocommit=True, row_factory=tuple_row, **settings)


def one(conn, text, values=None):
    return conn.execute(text, values).fetchone()[0]


def clear(conn):
    conn.execute("delete from notes where driver = %s", (DRIVER,))


def notes(conn):
    return conn.execute("select n, body from notes where driver = %s order by n", (DRIVER,)).fetchall()


def attempt(run):
    """What is asked for is an error: which one."""
    try:
        return run()
    except psycopg.Error as error:
        return state_of(error)


def over(**changed):
    """Whether a session so opened has TLS, and works."""
    with connect(**changed) as conn:
        return [conn.pgconn.ssl_in_use, one(conn, "select 1")]
