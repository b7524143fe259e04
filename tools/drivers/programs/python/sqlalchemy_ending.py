"""SQLAlchemy: cancels, losses, the schema, objects."""

import threading

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import DBAPIError

from common import ask
from sqlalchemy_base import DRIVER, attempt, clear, connect, engine, feature, notes, one, program, put, rows

program.absent("it leaves what a server says by itself to its driver", "listen", "listen-again", "notices")
program.absent("it has no interface for them", "large-objects", "large-objects-any")
program.absent("it leaves cancels to its driver", "cancel", "cancel-streaming")
program.absent("it leaves it to the server", "client-timeout")


@feature("statement-timeout")
def statement_timeout():
    with connect(options="-c statement_timeout=300") as conn:
        return [attempt(lambda: one(conn, "select pg_sleep(60)")), one(conn, "select 4")]


@feature("connection-lost")
def connection_lost():
    with engine() as made:
        with made.begin() as conn:
            clear(conn)
        with made.connect() as conn:
            put(conn, 1, "lost with its connection")
            ask("end all connections")
            try:
                seen = one(conn, "select 1")
            except DBAPIError as error:
                seen = error.connection_invalidated
        with made.connect() as conn:
            return [seen, notes(conn)]


WORKERS = 6
EACH = 40


@feature("reconnect-under-load")
def reconnect_under_load():
    gate = threading.Barrier(WORKERS + 1)
    with engine(pool={"pool_size": WORKERS, "pool_pre_ping": True}) as made:
        with made.begin() as conn:
            clear(conn)
        workers = [threading.Thread(target=work, args=(made, number, gate)) for number in range(WORKERS)]
        for worker in workers:
            worker.start()
        for _ in range(3):
            gate.wait()
            ask("end all connections")
        for worker in workers:
            worker.join()
        with made.connect() as conn:
            return len(notes(conn))


def work(made, number, gate):
    for n in range(EACH):
        if n % 10 == 5 and n < 30:
            gate.wait()
        while True:
            try:
                with made.begin() as conn:
                    text = "insert into notes values (:driver, :n, 'once') on conflict do nothing"
                    conn.execute(sa.text(text), {"driver": DRIVER, "n": number * EACH + n})
                break
            except DBAPIError:
                continue


@feature("pool-reset")
def pool_reset():
    with engine(pool={"pool_size": 1, "max_overflow": 0}) as made:
        with made.begin() as conn:
            clear(conn)
        with made.connect() as conn:
            put(conn, 77, "rolled back when the connection is handed back")
        with made.connect() as conn:
            return [row for row in notes(conn) if row[0] == 77]


@feature("introspection")
def introspection():
    with engine() as made:
        inspector = sa.inspect(made)
        tables = [name for name in inspector.get_table_names() if name in ("authors", "books", "people")]
        return [
            sorted(tables),
            [[column["name"], str(column["type"])] for column in inspector.get_columns("books")],
            inspector.get_pk_constraint("books")["constrained_columns"],
            [[key["referred_table"], key["options"]] for key in inspector.get_foreign_keys("books")],
            inspector.get_indexes("books")[0]["column_names"],
            [check["sqltext"] for check in inspector.get_check_constraints("books")],
            [enum["labels"] for enum in inspector.get_enums()],
        ]


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(always=True), primary_key=True)
    driver: orm.Mapped[str]
    name: orm.Mapped[str]
    books: orm.Mapped[list["Book"]] = orm.relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "books"
    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(always=True), primary_key=True)
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("authors.id"))
    title: orm.Mapped[str]
    pages: orm.Mapped[int | None]
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


@feature("orm-relations")
def orm_relations():
    with engine() as made, orm.Session(made) as session:
        session.execute(sa.delete(Author).where(Author.driver == DRIVER))
        wells = Author(driver=DRIVER, name="Wells")
        wells.books = [Book(title=f"Volume {n}", pages=n) for n in range(1, 21)]
        session.add_all([wells, Author(driver=DRIVER, name="Nobody")])
        session.commit()
        wells.books[0].title = "The first"
        session.delete(wells.books[19])
        session.commit()
        session.expire_all()
        mine = sa.select(Author).where(Author.driver == DRIVER).order_by(Author.name)
        joined = session.scalars(mine.options(orm.joinedload(Author.books))).unique().all()
        seen = [[author.name, sorted(book.title for book in author.books)] for author in joined]
        session.expunge_all()
        within = session.scalars(mine.options(orm.selectinload(Author.books))).all()
        locked = session.scalars(sa.select(Book).join(Author).where(Author.driver == DRIVER).with_for_update(skip_locked=True)).all()
        return [seen, [len(author.books) for author in within], len(locked)]


@feature("orm-schema")
def orm_schema():
    metadata = sa.MetaData()
    sa.Table("sqlalchemy_shelf", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("place", sa.Text, index=True))
    with engine() as made:
        metadata.drop_all(made)
        metadata.create_all(made)
        with made.begin() as conn:
            conn.execute(metadata.tables["sqlalchemy_shelf"].insert(), [{"place": "left"}, {"place": "right"}])
            seen = rows(conn.execute(sa.select(metadata.tables["sqlalchemy_shelf"])))
        metadata.drop_all(made)
        return seen
