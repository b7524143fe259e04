"""asyncpg, unchanged; where to connect comes from libpq's own variables."""

import asyncio
import io

import asyncpg

from common import say

DRIVER = "asyncpg"
READ = (
    "select id, name, balance, joined, born, active, profile, raw, tags"
    " from people where id between $1 and $2 order by id"
)


async def main():
    conn = await asyncpg.connect()
    transport = conn._transport  # noqa: SLF001 -- it offers no other way to see this
    say("tls", transport.get_extra_info("ssl_object") is not None)
    await conn.execute("set timezone to 'UTC'")
    await conn.execute("delete from notes where driver = $1", DRIVER)
    say("read in binary", rows(await conn.fetch(READ, 5, 8)))
    await transactions(conn)
    prepared = await conn.prepare("select name from people where id = $1")
    say("prepared", [await prepared.fetchval(n) for n in range(1, 9)])
    async with conn.transaction():
        total = 0
        async for row in conn.cursor("select id from people order by id", prefetch=300):
            total += row[0]
        say("cursor", total)
    await copies(conn)
    await conn.executemany("insert into notes values ($1, $2, 'batch')", [(DRIVER, n) for n in range(700, 720)])
    say("pipeline", await conn.fetchval("select count(*) from notes where driver = $1 and body = 'batch'", DRIVER))
    await cancelled(conn)
    say("mask in binary", rows(await conn.fetch("select id, email from people where id <= 3 order by id")))
    await refused(conn)
    await conn.close()


def rows(records):
    return [list(record.values()) for record in records]


async def transactions(conn):
    async with conn.transaction():
        await conn.execute("insert into notes values ($1, 1, 'kept')", DRIVER)
    try:
        async with conn.transaction():
            await conn.execute("insert into notes values ($1, 2, 'lost')", DRIVER)
            await conn.fetchval("select 1 / 0")
    except asyncpg.PostgresError as error:
        say("error in a transaction", error.sqlstate)
    async with conn.transaction():
        await conn.execute("insert into notes values ($1, 3, 'kept')", DRIVER)
        try:
            async with conn.transaction():
                await conn.execute("insert into notes values ($1, 3, 'twice')", DRIVER)
        except asyncpg.PostgresError as error:
            say("error behind a savepoint", error.sqlstate)
    say("transactions", rows(await conn.fetch("select n, body from notes where driver = $1 order by n", DRIVER)))


async def copies(conn):
    records = [(DRIVER, n, f"line {n}") for n in range(100, 600)]
    await conn.copy_records_to_table("notes", records=records, columns=["driver", "n", "body"])
    out = io.BytesIO()
    await conn.copy_from_query(
        "select n, body from notes where driver = $1 and n >= 100 order by n", DRIVER, output=out
    )
    text = out.getvalue()
    say("copy", [len(text), text[:24].decode(), text[-24:].decode()])


async def cancelled(conn):
    try:
        await conn.fetch("select pg_sleep(60)", timeout=0.5)
    except asyncio.TimeoutError:
        say("cancel", "57014")
    say("after the cancel", await conn.fetchval("select 4"))


async def refused(conn):
    try:
        saw = len(await conn.fetch("select value from secrets"))
    except asyncpg.PostgresError as error:
        saw = error.sqlstate
    say("refused", saw)
    say("after the refusals", await conn.fetchval("select 6"))


asyncio.run(main())
