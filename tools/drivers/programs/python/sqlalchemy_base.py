"""SQLAlchemy 2 over psycopg 3: what its features share."""

from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from common import AUTHORITY, SIDE, Program, state_of

program = Program(f"SQLAlchemy {sa.__version__} (psycopg {psycopg.__version__})")
feature = program.feature
DRIVER = "sqlalchemy"
INSERT = "insert into notes values (:driver, :n, :body)"


def made(pool=None, **changed):
    """An engine for the run's own server."""
    query = {"sslmode": "verify-full", "sslrootcert": AUTHORITY, **{key: str(value) for key, value in changed.items()}}
    side = {
        "username": SIDE["user"],
        "password": query.pop("password", SIDE["password"]),
        "host": SIDE["host"] if "host" not in query else None,
        "port": SIDE["port"] if "port" not in query and "host" not in query else None,
        "database": SIDE["dbname"],
    }
    return sa.create_engine(sa.URL.create("postgresql+psycopg", **side, query=query), **(pool or {}))


@contextmanager
def engine(pool=None, **changed):
    made_engine = made(pool, **changed)
    try:
        yield made_engine
    finally:
        made_engine.dispose()


@contextmanager
def connect(**changed):
    """Each statement by itself."""
    with engine(**changed) as made_engine, made_engine.connect() as conn:
        yield conn.execution_options(isolation_level="AUTOCOMMIT")


def rows(result):
    return [list(row) for row in result]


def one(conn, text, **values):
    return conn.execute(sa.text(text), values).scalar()


def clear(conn):
    conn.execute(sa.text("delete from notes where driver = :driver"), {"driver": DRIVER})


def notes(conn):
    text = "select n, body from notes where driver = :driver order by n"
    return rows(conn.execute(sa.text(text), {"driver": DRIVER}))


def put(conn, n, body):
    return conn.execute(sa.text(INSERT), {"driver": DRIVER, "n": n, "body": body})


def attempt(run):
    """What is asked for is an error: which one."""
    try:
        return run()
    except DBAPIError as error:
        return state_of(error)
