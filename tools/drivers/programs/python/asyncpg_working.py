"""asyncpg: statements, many rows, transactions."""

import io
from uuid import UUID

import asyncpg

from asyncpg_base import DRIVER, INSERT, attempt, clear, connect, feature, notes, program, rows
from common import PORTS

PEOPLE = (
    "select id, name, balance, joined, born, active, profile, raw, tags, key, span, score"
    " from people where id between $1 and $2 and key <> $3 and tags @> $4 order by id"
)


@feature("several")
async def several():
    async with connect() as conn:
        return await conn.execute("select 1; select 2, 'two'; show server_encoding")


@feature("parameters")
async def parameters():
    async with connect() as conn:
        return rows(await conn.fetch(PEOPLE, 5, 8, UUID(int=0), ["ü"]))


@feature("simple")
async def simple():
    async with connect() as conn:
        await clear(conn)
        return [await conn.execute("insert into notes values ('asyncpg', 1, 'it''s')"), await notes(conn)]


@feature("prepared")
async def prepared():
    async with connect() as conn:
        statement = await conn.prepare("select name from people where id = $1")
        names = [await statement.fetchval(n) for n in range(1, 9)]
        cached = [await conn.fetchval("select name from people where id = $1 + 1", n) for n in range(1, 9)]
        return [names, cached, statement.get_parameters()[0].name, statement.get_attributes()[0].type.name]


@feature("prepared-after-ddl")
async def prepared_after_ddl():
    async with connect() as conn:
        await conn.execute("drop table if exists asyncpg_ddl")
        await conn.execute("create table asyncpg_ddl (id int, a text)")
        await conn.execute("insert into asyncpg_ddl values (1, 'a')")

        async def read():
            return rows(await conn.fetch("select * from asyncpg_ddl"))

        seen = [await read(), await read()]
        await conn.execute("alter table asyncpg_ddl add column b int default 7")
        # Outside of a transaction it prepares anew by itself; inside it says that its cache is out of date.
        seen.append(await attempt(read()))
        await conn.execute("alter table asyncpg_ddl alter column b type text")
        async with conn.transaction():
            seen.append(await attempt(read()))
        await conn.execute("drop table asyncpg_ddl")
        return seen


@feature("types")
async def types():
    async with connect() as conn:
        found = rows(await conn.fetch("select mood, place from offices order by id"))
        await conn.set_type_codec("mood", encoder=str, decoder=str.upper, format="text")
        return [[[mood, list(place)] for mood, place in found], await conn.fetchval("select 'calm'::mood")]


@feature("big-value")
async def big_value():
    async with connect() as conn:
        await clear(conn)
        await conn.execute(INSERT, DRIVER, 1, "x" * 8_000_000)
        back = await conn.fetchval("select body from notes where driver = $1 and n = 1", DRIVER)
        await clear(conn)
        return [len(back), set(back)]


@feature("errors")
async def errors():
    async with connect() as conn:
        await clear(conn)
        await conn.execute(INSERT, DRIVER, 1, "")
        try:
            await conn.execute(INSERT, DRIVER, 1, "")
        except asyncpg.PostgresError as error:
            return [error.sqlstate, error.severity, error.table_name, error.constraint_name, error.detail, type(error)]


@feature("batch")
async def batch():
    async with connect() as conn:
        await clear(conn)
        back = await conn.fetchmany(INSERT + " returning n", [(DRIVER, n, f"row {n}") for n in range(500)])
        await conn.executemany(INSERT, [(DRIVER, n, f"row {n}") for n in range(500, 700)])
        return [sum(row[0] for row in back), len(await notes(conn))]


@feature("batch-error")
async def batch_error():
    async with connect() as conn:
        await clear(conn)
        values = [(DRIVER, n, "row") for n in (1, 2, 3, 3, 4)]
        return [await attempt(conn.executemany(INSERT, values)), await notes(conn), await conn.fetchval("select 5")]


program.absent("it asks one thing at a time on a connection", "pipeline", "pipeline-error")


@feature("cursor")
async def cursor():
    async with connect() as conn, conn.transaction():
        total = 0
        async for row in conn.cursor("select id from people where id > $1 order by id", 1, prefetch=300):
            total += row[0]
        return total


@feature("cursor-hold")
async def cursor_hold():
    async with connect() as conn:
        async with conn.transaction():
            await conn.execute(
                "declare held scroll cursor with hold for select id from people order by id limit 50"
            )
        seen = [rows(await conn.fetch(f"fetch {what} from held")) for what in ("3", "absolute 41", "backward 2")]
        await conn.execute("close held")
        return seen


SERIES = "select g, repeat('y', 500) from generate_series(1, 20000) g"


@feature("stream")
async def stream():
    async with connect() as conn, conn.transaction():
        total = 0
        async for row in conn.cursor(SERIES, prefetch=1000):
            total += row[0] + len(row[1])
        return total


@feature("stream-left")
async def stream_left():
    async with connect() as conn:
        seen = []
        async with conn.transaction():
            async for row in conn.cursor(SERIES, prefetch=2):
                seen.append(row[0])
                if len(seen) == 3:
                    break
            seen.append(await conn.fetchval("select 4"))
        return seen


COLUMNS = ["driver", "n", "body"]


@feature("copy-in")
async def copy_in():
    async with connect() as conn:
        await clear(conn)
        lines = "".join(f"asyncpg,{n},{f'line {n}' if n % 2 else ''}\n" for n in range(2000))
        source = io.BytesIO(lines.encode())
        said = await conn.copy_to_table("notes", source=source, columns=COLUMNS, format="csv")
        return [said, (await notes(conn))[-2:]]


@feature("copy-out")
async def copy_out():
    async with connect() as conn:
        out = io.BytesIO()
        said = await conn.copy_from_table("people", columns=["id", "name", "tags", "raw"], output=out, format="csv")
        text = out.getvalue().decode()
        query = io.BytesIO()
        await conn.copy_from_query("select id from people where id < $1 order by id", 4, output=query)
        return [said, len(text), text[:80], text[-60:], query.getvalue().decode()]


@feature("copy-binary")
async def copy_binary():
    async with connect() as conn:
        await clear(conn)
        records = [(DRIVER, n, f"line {n}") for n in range(300)]
        said = await conn.copy_records_to_table("notes", records=records, columns=COLUMNS)
        out = io.BytesIO()
        await conn.copy_from_table("people", columns=["id", "name", "raw"], output=out, format="binary")
        return [said, (await notes(conn))[-1], len(out.getvalue())]


@feature("copy-bad-row")
async def copy_bad_row():
    async with connect() as conn:
        await clear(conn)
        source = io.BytesIO(b"asyncpg\t1\tfine\nasyncpg\tnot a number\tbad\n")
        return [await attempt(conn.copy_to_table("notes", source=source, columns=COLUMNS)), await notes(conn)]


@feature("copy-abandoned")
async def copy_abandoned():
    async def lines():
        yield b"asyncpg\t1\tfine\n"
        raise ValueError("thought better of it")

    async with connect() as conn:
        await clear(conn)
        try:
            await conn.copy_to_table("notes", source=lines(), columns=COLUMNS)
        except ValueError as error:
            return [str(error), await notes(conn), await conn.fetchval("select 5")]


async def within(conn, n, text):
    async with conn.transaction():
        await conn.execute(INSERT, DRIVER, n, "in a transaction")
        await conn.execute(text)


@feature("transactions")
async def transactions():
    async with connect() as conn:
        await clear(conn)
        await within(conn, 1, "select 1")
        seen = [await attempt(within(conn, 2, "select 1 / 0"))]
        await conn.execute("begin")
        await conn.execute(INSERT, DRIVER, 3, "lost")
        seen += [await attempt(conn.execute("select nothing")), await attempt(conn.execute("select 1"))]
        return [*seen, conn.is_in_transaction(), await conn.execute("commit"), await notes(conn)]


@feature("savepoints")
async def savepoints():
    async with connect() as conn:
        await clear(conn)
        async with conn.transaction():
            await conn.execute(INSERT, DRIVER, 1, "kept")
            seen = [await attempt(within(conn, 1, "select 1")), await attempt(within(conn, 2, "select 1"))]
        return [seen, await notes(conn)]


@feature("isolation")
async def isolation():
    async with connect() as conn:
        async with conn.transaction(isolation="serializable", readonly=True, deferrable=True):
            seen = [await conn.fetchval(f"show transaction_{name}") for name in ("isolation", "deferrable")]
            seen.append(await attempt(conn.execute(INSERT, DRIVER, 9, "never")))
        return seen


@feature("two-phase")
async def two_phase():
    async with connect(port=PORTS["ANY"]) as conn:
        await clear(conn)
        for n, end in ((1, "commit"), (2, "rollback")):
            await conn.execute("begin")
            await conn.execute(INSERT, DRIVER, n, "in two phases")
            await conn.execute(f"prepare transaction 'asyncpg {n}'")
            await conn.execute(f"{end} prepared 'asyncpg {n}'")
        return await notes(conn)
