"""SQLAlchemy: connections, which are libpq's."""

from sqlalchemy.exc import DBAPIError

from common import OTHER_AUTHORITY, PORTS, SIDE, SOCKET_FOLDER, text_of
from sqlalchemy_base import connect, feature, one, program


def over(**changed):
    """Whether a session so opened has TLS, and works."""
    with connect(**changed) as conn:
        return [conn.connection.dbapi_connection.pgconn.ssl_in_use, one(conn, "select 1")]


for mode in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
    feature(f"tls-{mode}")(lambda mode=mode: over(sslmode=mode))
feature("clear-on-loopback")(lambda: over(sslmode="disable", port=PORTS["CLEAR"]))
feature("channel-binding-prefer")(lambda: over(channel_binding="prefer"))
feature("channel-binding-require")(lambda: over(channel_binding="require"))
feature("unix-socket")(lambda: over(host=SOCKET_FOLDER, port=PORTS["SOCKET"]))
feature("multi-host")(lambda: over(host=two_hosts(), port=f"{PORTS['DEAD']},{SIDE['port']}"))
feature("tls-wrong-authority")(lambda: turned_down("certificate verify failed", sslrootcert=OTHER_AUTHORITY))
feature("tls-wrong-name")(lambda: turned_down('does not match host name "localhost"', host="localhost", port=SIDE["port"]))
feature("connect-timeout")(lambda: turned_down("timeout expired", port=PORTS["SILENT"], connect_timeout=3))
feature("target-unmet")(lambda: turned_down("server is not in hot standby mode", target_session_attrs="standby"))
program.absent("its own questions do not fit such a connection", "replication")
program.absent("as psycopg has it", "protocol-newest", "client-encoding")


@feature("tls-direct")
def tls_direct():
    try:
        return over(sslnegotiation="direct")
    except DBAPIError:
        return "the server has none"


def two_hosts():
    return f"{SIDE['host']},{SIDE['host']}"


def turned_down(words, **changed):
    try:
        return over(**changed)
    except DBAPIError as error:
        if words in text_of(error):
            return words
        raise


@feature("wrong-password")
def wrong_password():
    try:
        return over(password="not it")
    except DBAPIError as error:
        return "password authentication failed" in text_of(error) or text_of(error)


@feature("multi-host-writable")
def multi_host_writable():
    ports = f"{PORTS['READONLY']},{SIDE['port']}"
    with connect(host=two_hosts(), port=ports, target_session_attrs="read-write") as conn:
        return one(conn, "show transaction_read_only")


@feature("startup-options")
def startup_options():
    with connect(options="-c statement_timeout=4321 -c search_path=public,pg_catalog -c TimeZone=Asia/Tokyo") as conn:
        return [one(conn, f"show {name}") for name in ("statement_timeout", "search_path", "timezone")]


@feature("startup-unsafe")
def startup_unsafe():
    with connect(options="-c work_mem=8MB") as conn:
        return one(conn, "show work_mem")


@feature("application-name")
def application_name():
    with connect(application_name="ledger") as conn:
        return one(conn, "show application_name")
