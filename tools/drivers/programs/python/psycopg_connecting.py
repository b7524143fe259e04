"""psycopg 3: connections."""

from threading import Timer

import psycopg

from common import OTHER_AUTHORITY, PORTS, SIDE, SOCKET_FOLDER, text_of
from psycopg_base import attempt, connect, feature, one, over


for mode in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
    feature(f"tls-{mode}")(lambda mode=mode: over(sslmode=mode))
feature("clear-on-loopback")(lambda: over(sslmode="disable", port=PORTS["CLEAR"]))
feature("channel-binding-prefer")(lambda: over(channel_binding="prefer"))
feature("channel-binding-require")(lambda: over(channel_binding="require"))


@feature("tls-direct")
def tls_direct():
    try:
        return over(sslnegotiation="direct")
    except psycopg.OperationalError:
        return "the server has none"


@feature("tls-wrong-authority")
def tls_wrong_authority():
    return turned_down("certificate verify failed", sslrootcert=OTHER_AUTHORITY)


@feature("tls-wrong-name")
def tls_wrong_name():
    return turned_down('does not match host name "localhost"', host="localhost")


def turned_down(words, **changed):
    try:
        return over(**changed)
    except psycopg.OperationalError as error:
        if words in str(error):
            return words
        raise


@feature("unix-socket")
def unix_socket():
    return over(host=SOCKET_FOLDER, port=PORTS["SOCKET"], password=None)


@feature("wrong-password")
def wrong_password():
    try:
        return over(password="not it")
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error) or text_of(error)


@feature("multi-host")
def multi_host():
    return over(host="127.0.0.1,127.0.0.1", port=f"{PORTS['DEAD']},{SIDE['port']}")


@feature("multi-host-writable")
def multi_host_writable():
    hosts = {"host": "127.0.0.1,127.0.0.1", "port": f"{PORTS['READONLY']},{SIDE['port']}"}
    with connect(**hosts) as conn:
        first = one(conn, "show transaction_read_only")
    with connect(**hosts, target_session_attrs="read-write") as conn:
        second = one(conn, "show transaction_read_only")
    with connect(**hosts, target_session_attrs="read-only") as conn:
        return [first, second, one(conn, "show transaction_read_only")]


@feature("target-unmet")
def target_unmet():
    return turned_down("server is not in hot standby mode", target_session_attrs="standby")


@feature("startup-options")
def startup_options():
    with connect(options="-c statement_timeout=4321 -c search_path=public,pg_catalog -c TimeZone=Asia/Tokyo") as conn:
        names = ("statement_timeout", "search_path", "timezone")
        return [one(conn, f"show {name}") for name in names] + [conn.info.timezone.key]


@feature("startup-unsafe")
def startup_unsafe():
    with connect(options="-c work_mem=8MB") as conn:
        return one(conn, "show work_mem")


@feature("application-name")
def application_name():
    with connect(application_name="ledger") as conn:
        return [one(conn, "show application_name"), conn.info.parameter_status("application_name")]


@feature("client-encoding")
def client_encoding():
    with connect(client_encoding="latin1") as conn:
        return [conn.info.encoding, one(conn, "select 'ü' || %s::text", ("é",))]


@feature("protocol-newest")
def protocol_newest():
    with connect(max_protocol_version="latest") as conn:
        return [conn.pgconn.full_protocol_version, attempt(lambda: cancelled(conn))]


def cancelled(conn):
    Timer(0.5, conn.cancel_safe).start()
    conn.execute("select pg_sleep(60)")


@feature("replication")
def replication():
    with connect(replication="database") as conn:
        return conn.execute("IDENTIFY_SYSTEM").fetchone()[1:2]


@feature("connect-timeout")
def connect_timeout():
    return turned_down("timeout expired", port=PORTS["SILENT"], connect_timeout=3)
