"""asyncpg: connections."""

import asyncio
import ssl

import asyncpg

from asyncpg_base import connect, feature, program, settings, trusting
from common import AUTHORITY, OTHER_AUTHORITY, PORTS, SIDE, SOCKET_FOLDER, state_of


async def over(**changed):
    """Whether a session so opened has TLS, and works."""
    async with connect(**changed) as conn:
        transport = conn._transport  # noqa: SLF001 -- it offers no other way to see this
        return [transport.get_extra_info("ssl_object") is not None, await conn.fetchval("select 1")]


def unnamed():
    context = trusting(AUTHORITY)
    context.check_hostname = False
    return context


for mode, given in {
    "disable": lambda: False,
    "allow": lambda: "allow",
    "prefer": lambda: "prefer",
    "require": lambda: "require",
    "verify-ca": unnamed,
    "verify-full": lambda: trusting(AUTHORITY),
}.items():
    feature(f"tls-{mode}")(lambda given=given: over(ssl=given()))

feature("clear-on-loopback")(lambda: over(ssl=False, port=PORTS["CLEAR"]))
feature("unix-socket")(lambda: over(host=SOCKET_FOLDER, port=PORTS["SOCKET"], password=None, ssl=False))
program.absent("it knows SCRAM without channel binding", "channel-binding-prefer", "channel-binding-require")
program.absent("it speaks UTF-8 only", "client-encoding")
program.absent("it speaks 3.0", "protocol-newest")
program.absent("it has no words for what such a connection carries", "replication")


@feature("tls-direct")
async def tls_direct():
    # A server takes TLS from the first byte only from whom says that it speaks PostgreSQL.
    context = trusting(AUTHORITY)
    context.set_alpn_protocols(["postgresql"])
    try:
        return await over(direct_tls=True, ssl=context)
    except OSError:
        return "the server has none"


@feature("tls-wrong-authority")
async def tls_wrong_authority():
    return await turned_down(ssl.SSLCertVerificationError, "unable to get", ssl=trusting(OTHER_AUTHORITY))


@feature("tls-wrong-name")
async def tls_wrong_name():
    return await turned_down(ssl.SSLCertVerificationError, "Hostname mismatch", host="localhost")


async def turned_down(kind, words, **changed):
    try:
        return await over(**changed)
    except kind as error:
        if words in str(error):
            return words
        raise


@feature("wrong-password")
async def wrong_password():
    try:
        return await over(password="not it")
    except asyncpg.InvalidPasswordError as error:
        if "password authentication failed" not in str(error):
            raise
        return state_of(error)


@feature("multi-host")
async def multi_host():
    return await over(host=[SIDE["host"]] * 2, port=[PORTS["DEAD"], SIDE["port"]])


@feature("multi-host-writable")
async def multi_host_writable():
    hosts = {"host": [SIDE["host"]] * 2, "port": [PORTS["READONLY"], SIDE["port"]]}
    seen = []
    for wanted in ("any", "read-write", "read-only"):
        async with connect(**hosts, target_session_attrs=wanted) as conn:
            seen.append(await conn.fetchval("show transaction_read_only"))
    return seen


@feature("target-unmet")
async def target_unmet():
    return await turned_down(asyncpg.TargetServerAttributeNotMatched, "None of the hosts match", target_session_attrs="standby")


@feature("startup-options")
async def startup_options():
    given = {"statement_timeout": "4321", "search_path": "public,pg_catalog", "timezone": "Asia/Tokyo"}
    async with connect(server_settings=given) as conn:
        return [await conn.fetchval(f"show {name}") for name in given] + [conn.get_settings().TimeZone]


@feature("startup-unsafe")
async def startup_unsafe():
    async with connect(server_settings={"work_mem": "8MB"}) as conn:
        return await conn.fetchval("show work_mem")


@feature("application-name")
async def application_name():
    async with connect(server_settings={"application_name": "ledger"}) as conn:
        return [await conn.fetchval("show application_name"), conn.get_settings().application_name]


@feature("connect-timeout")
async def connect_timeout():
    try:
        await asyncpg.connect(**settings(port=PORTS["SILENT"], timeout=3))
    except asyncio.TimeoutError:
        return "timed out"
