"""asyncpg: what its features share."""

import ssl
from contextlib import asynccontextmanager

import asyncpg

from common import AUTHORITY, SIDE, Program, state_of

program = Program(f"asyncpg {asyncpg.__version__}")
feature = program.feature
DRIVER = "asyncpg"
INSERT = "insert into notes values ($1, $2, $3)"


def trusting(file):
    return ssl.create_default_context(cafile=file)


def settings(**changed):
    side = {key: SIDE[key] for key in ("host", "port", "user", "password")}
    return {**side, "database": SIDE["dbname"], "ssl": trusting(AUTHORITY), **changed}


@asynccontextmanager
async def connect(**changed):
    conn = await asyncpg.connect(**settings(**changed))
    try:
        yield conn
    finally:
        await conn.close(timeout=5)


def rows(records):
    return [list(record.values()) for record in records]


async def clear(conn):
    await conn.execute("delete from notes where driver = $1", DRIVER)


async def notes(conn):
    return rows(await conn.fetch("select n, body from notes where driver = $1 order by n", DRIVER))


async def attempt(waited):
    """What is asked for is an error: which one."""
    try:
        return await waited
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        return state_of(error)
