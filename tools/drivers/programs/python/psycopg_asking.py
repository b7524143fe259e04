"""psycopg 3: statements."""

from uuid import UUID

import psycopg
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum

from psycopg_base import DRIVER, attempt, clear, connect, feature, one


@feature("several")
def several():
    with connect() as conn:
        cursor = conn.execute("select 1; select 2, 'two'; show server_encoding")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
        return results


PEOPLE = (
    "select id, name, balance, joined, born, active, profile, raw, tags, key, span, score"
    " from people where id between %s and %s and key <> %s and tags @> %s order by id"
)


@feature("parameters")
def parameters():
    with connect(options="-c TimeZone=UTC") as conn:
        values = (5, 8, UUID(int=0), ["ü"])
        return [conn.execute(PEOPLE, values, binary=binary).fetchall() for binary in (False, True)]


@feature("simple")
def simple():
    with connect() as conn:
        cursor = psycopg.ClientCursor(conn)
        return cursor.execute("select name, %s::text from people where id = %s", ("it's", 3)).fetchall()


@feature("prepared")
def prepared():
    with connect() as conn:
        conn.prepare_threshold = 0
        names = [one(conn, "select name from people where id = %s", (n,)) for n in range(1, 9)]
        return [names, len(conn._prepared._names)]  # noqa: SLF001 -- it shows them nowhere else


@feature("prepared-after-ddl")
def prepared_after_ddl():
    with connect() as conn:
        conn.execute("drop table if exists psycopg_ddl")
        conn.execute("create table psycopg_ddl (id int, a text)")
        conn.execute("insert into psycopg_ddl values (1, 'a')")
        read = lambda: conn.execute("select * from psycopg_ddl", prepare=True).fetchall()
        seen = [read(), read()]
        conn.execute("alter table psycopg_ddl add column b int default 7")
        seen.append(attempt(read))
        seen.append(attempt(read))
        conn.execute("drop table psycopg_ddl")
        return seen


@feature("types")
def types():
    with connect() as conn:
        mood = EnumInfo.fetch(conn, "mood")
        register_enum(mood, conn)
        register_composite(CompositeInfo.fetch(conn, "place"), conn)
        rows = conn.execute("select mood, place from offices order by id").fetchall()
        return [mood.labels, [[mood.name, place.street, place.number] for mood, place in rows]]


@feature("big-value")
def big_value():
    with connect() as conn:
        clear(conn)
        conn.execute("insert into notes values (%s, 1, %s)", (DRIVER, "x" * 8_000_000))
        back = one(conn, "select body from notes where driver = %s and n = 1", (DRIVER,))
        clear(conn)
        return [len(back), set(back)]


@feature("errors")
def errors():
    with connect() as conn:
        clear(conn)
        conn.execute("insert into notes values (%s, 1)", (DRIVER,))
        try:
            conn.execute("insert into notes values (%s, 1)", (DRIVER,))
        except psycopg.Error as error:
            diag = error.diag
            return [diag.sqlstate, diag.severity, diag.table_name, diag.constraint_name, diag.message_detail, type(error)]
