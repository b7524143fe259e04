"""SQLAlchemy: statements, many rows, transactions."""

from uuid import UUID

import sqlalchemy as sa

from common import PORTS
from sqlalchemy_base import DRIVER, INSERT, attempt, clear, connect, engine, feature, notes, one, program, put, rows

PEOPLE = (
    "select id, name, balance, joined, born, active, profile, raw, tags, key, span, score"
    " from people where id between :low and :high and key <> :key and tags @> :tags order by id"
)
SERIES = "select g, repeat('y', 500) from generate_series(1, 20000) g"

program.absent("a text is one statement", "several")
program.absent("its dialect sets that for its driver", "simple")
program.absent("it leaves pipelines to its driver", "pipeline", "pipeline-error")
program.absent(
    "it leaves COPY to its driver",
    *(f"copy-{what}" for what in ("in", "out", "binary", "bad-row", "abandoned")),
)


@feature("parameters")
def parameters():
    with connect(options="-c TimeZone=UTC") as conn:
        values = {"low": 5, "high": 8, "key": UUID(int=0), "tags": ["ü"]}
        return rows(conn.execute(sa.text(PEOPLE), values))


@feature("prepared")
def prepared():
    with connect() as conn:
        return [one(conn, "select name from people where id = :id", id=n) for n in range(1, 12)]


@feature("prepared-after-ddl")
def prepared_after_ddl():
    with connect() as conn:
        conn.execute(sa.text("drop table if exists sqlalchemy_ddl"))
        conn.execute(sa.text("create table sqlalchemy_ddl (id int, a text)"))
        conn.execute(sa.text("insert into sqlalchemy_ddl values (1, 'a')"))
        read = lambda: rows(conn.execute(sa.text("select * from sqlalchemy_ddl")))
        seen = [read() for _ in range(8)]
        conn.execute(sa.text("alter table sqlalchemy_ddl add column b int default 7"))
        seen += [attempt(read), attempt(read)]
        conn.execute(sa.text("drop table sqlalchemy_ddl"))
        return seen[-3:]


@feature("types")
def types():
    mood = sa.Enum("calm", "busy", name="mood")
    offices = sa.table("offices", sa.column("id", sa.Integer), sa.column("mood", mood))
    with connect() as conn:
        return rows(conn.execute(sa.select(offices).where(offices.c.mood == "calm")))


@feature("big-value")
def big_value():
    with connect() as conn:
        clear(conn)
        put(conn, 1, "x" * 8_000_000)
        back = one(conn, "select body from notes where driver = :driver and n = 1", driver=DRIVER)
        clear(conn)
        return [len(back), set(back)]


@feature("errors")
def errors():
    with connect() as conn:
        clear(conn)
        put(conn, 1, "")
        try:
            put(conn, 1, "")
        except sa.exc.IntegrityError as error:
            diag = error.orig.diag
            return [diag.sqlstate, diag.table_name, diag.constraint_name, diag.message_detail]


@feature("batch")
def batch():
    books = sa.table("notes", sa.column("driver"), sa.column("n"), sa.column("body"))
    with connect() as conn:
        clear(conn)
        values = [{"driver": DRIVER, "n": n, "body": f"row {n}"} for n in range(1500)]
        # Many rows in one statement, and their keys back: insertmanyvalues.
        back = conn.execute(sa.insert(books).returning(books.c.n), values).scalars().all()
        return [sum(back), len(notes(conn))]


@feature("batch-error")
def batch_error():
    with connect() as conn:
        clear(conn)
        values = [{"driver": DRIVER, "n": n, "body": "row"} for n in (1, 2, 3, 3, 4)]
        return [attempt(lambda: conn.execute(sa.text(INSERT), values)), notes(conn)]


def streamed(conn, text, size):
    return conn.execution_options(stream_results=True, yield_per=size).execute(sa.text(text))


@feature("cursor")
def cursor():
    with engine() as made, made.connect() as conn:
        return sum(row[0] for row in streamed(conn, "select id from people order by id", 300))


program.absent("its cursors end with their transaction", "cursor-hold")


@feature("stream")
def stream():
    with engine() as made, made.connect() as conn:
        return sum(row[0] + len(row[1]) for row in streamed(conn, SERIES, 1000))


@feature("stream-left")
def stream_left():
    with engine() as made, made.connect() as conn:
        result = streamed(conn, SERIES, 10)
        seen = [result.fetchone()[0] for _ in range(3)]
        result.close()
        return [seen, one(conn, "select 4")]


@feature("transactions")
def transactions():
    with engine() as made:
        with made.begin() as conn:
            clear(conn)
            put(conn, 1, "kept")
        seen = [attempt(lambda: failing(made, 2))]
        with made.connect() as conn:
            put(conn, 3, "lost")
            seen += [attempt(lambda: one(conn, "select nothing")), attempt(lambda: one(conn, "select 1"))]
            conn.rollback()
            return [*seen, notes(conn)]


def failing(made, n):
    with made.begin() as conn:
        put(conn, n, "lost")
        one(conn, "select 1 / 0")


@feature("savepoints")
def savepoints():
    with engine() as made, made.begin() as conn:
        clear(conn)
        put(conn, 1, "kept")
        seen = [attempt(lambda: nested(conn, 1)), attempt(lambda: nested(conn, 2))]
        return [seen, notes(conn)]


def nested(conn, n):
    with conn.begin_nested():
        put(conn, n, "inside")
    return "fine"


@feature("isolation")
def isolation():
    options = {"isolation_level": "SERIALIZABLE", "postgresql_readonly": True, "postgresql_deferrable": True}
    with engine(pool={"execution_options": options}) as made, made.connect() as conn:
        seen = [one(conn, f"show transaction_{what}") for what in ("isolation", "read_only", "deferrable")]
        return [*seen, attempt(lambda: put(conn, 9, "never"))]


@feature("two-phase")
def two_phase():
    with engine(port=PORTS["ANY"]) as made, made.connect() as conn:
        clear(conn)
        conn.commit()
        for n, end in ((1, "commit"), (2, "rollback")):
            both = conn.begin_twophase()
            put(conn, n, "in two phases")
            both.prepare()
            getattr(both, end)()
        return notes(conn)
