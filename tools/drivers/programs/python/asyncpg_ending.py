"""asyncpg: what the server says by itself, cancels, losses, the schema."""

import asyncio

import asyncpg

from asyncpg_base import DRIVER, INSERT, attempt, clear, connect, feature, notes, program, rows, settings
from common import ask, state_of


async def heard(conn, count):
    said = []
    done = asyncio.Event()

    def keep(_conn, _pid, channel, payload):
        said.append([channel, payload])
        if len(said) == count:
            done.set()

    await conn.add_listener("drivers", keep)
    return said, done


@feature("listen")
async def listen():
    async with connect() as conn, connect() as other:
        said, done = await heard(conn, 2)
        await other.execute("notify drivers, 'one'")
        await other.execute("notify drivers, 'two'")
        await asyncio.wait_for(done.wait(), 10)
        return said


@feature("listen-again")
async def listen_again():
    conn = await asyncpg.connect(**settings())
    gone = asyncio.Event()
    conn.add_termination_listener(lambda _conn: gone.set())
    await heard(conn, 1)
    await asyncio.to_thread(ask, "end all connections")
    await asyncio.wait_for(gone.wait(), 10)
    async with connect() as conn, connect() as other:
        said, done = await heard(conn, 1)
        await other.execute("notify drivers, 'again'")
        await asyncio.wait_for(done.wait(), 10)
        return said


@feature("notices")
async def notices():
    said = []
    async with connect() as conn:
        conn.add_log_listener(lambda _conn, message: said.append([message.severity, message.sqlstate, str(message)]))
        await conn.execute("rollback")
        await conn.execute("drop table if exists nothing_of_that_name")
        await asyncio.sleep(0)
        return said


program.absent("it has no interface for them", "large-objects", "large-objects-any")


@feature("cancel")
async def cancel():
    async with connect() as conn:
        asleep = asyncio.create_task(conn.execute("select pg_sleep(60)"))
        await asyncio.sleep(0.5)
        asleep.cancel()
        try:
            await asleep
        except asyncio.CancelledError:
            return ["cancelled", await conn.fetchval("select 4")]


@feature("cancel-streaming")
async def cancel_streaming():
    async with connect() as conn:
        many = asyncio.create_task(conn.fetch("select g, repeat('z', 200) from generate_series(1, 50000000) g"))
        await asyncio.sleep(0.5)
        many.cancel()
        try:
            await many
        except asyncio.CancelledError:
            return ["cancelled", await conn.fetchval("select 4")]


@feature("statement-timeout")
async def statement_timeout():
    async with connect(server_settings={"statement_timeout": "300"}) as conn:
        return [await attempt(conn.execute("select pg_sleep(60)")), await conn.fetchval("select 4")]


@feature("client-timeout")
async def client_timeout():
    async with connect(command_timeout=20) as conn:
        try:
            await conn.fetch("select pg_sleep(60)", timeout=0.3)
        except asyncio.TimeoutError:
            return ["timed out", await conn.fetchval("select 4")]


@feature("connection-lost")
async def connection_lost():
    conn = await asyncpg.connect(**settings())
    await clear(conn)
    await conn.execute("begin")
    await conn.execute(INSERT, DRIVER, 1, "lost with its connection")
    await asyncio.to_thread(ask, "end all connections")
    seen = [await attempt(conn.execute("select 1")), conn.is_closed()]
    async with connect() as conn:
        return [*seen, await notes(conn)]


WORKERS = 6
EACH = 40


@feature("reconnect-under-load")
async def reconnect_under_load():
    async with connect() as conn:
        await clear(conn)
    gate = asyncio.Barrier(WORKERS + 1)
    async with asyncpg.create_pool(**settings(), min_size=WORKERS, max_size=WORKERS) as pool:
        workers = [asyncio.create_task(work(pool, number, gate)) for number in range(WORKERS)]
        for _ in range(3):
            await gate.wait()
            await asyncio.to_thread(ask, "end all connections")
        await asyncio.gather(*workers)
        async with pool.acquire() as conn:
            return len(await notes(conn))


async def work(pool, number, gate):
    for n in range(EACH):
        if n % 10 == 5 and n < 30:
            await gate.wait()
        while True:
            try:
                await pool.execute(INSERT + " on conflict do nothing", DRIVER, number * EACH + n, "once")
                break
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                # Its pool finds out that a connection is gone when the loop has had a turn.
                await asyncio.sleep(0)


@feature("pool-reset")
async def pool_reset():
    async with asyncpg.create_pool(**settings(), min_size=1, max_size=1) as pool:
        async with pool.acquire() as conn:
            await conn.execute("set statement_timeout = 4321")
            await conn.execute("listen drivers")
            pid = conn.get_server_pid()
        async with pool.acquire() as conn:
            return [conn.get_server_pid() == pid, await conn.fetchval("show statement_timeout")]


@feature("introspection")
async def introspection():
    async with connect() as conn:
        return rows(
            await conn.fetch(
                "select column_name, data_type, is_nullable from information_schema.columns"
                " where table_name = 'books' order by ordinal_position"
            )
        )


program.absent("no ORM", "orm-relations", "orm-schema")
