/** What users of one driver want to know, each seen in the matrix. */
export const NOTES: readonly string[] = [
  "**psycopg, SQLAlchemy, psql** follow libpq: every setting of a connection string is theirs. `sslnegotiation=direct` saves a round trip, and the gateway has it also where the server behind it has not.",
  "**postgres.js**: given an address instead of a name, it verifies the certificate for `localhost`; say `ssl: { ca, host }`. Its first question, for array types (`fetch_types`), reads `pg_catalog.pg_type`: without a rule for [looking at the schema](policy-language.md#looking-at-the-schema) it is refused, and `fetch_types: false` leaves it out.",
  "**postgres.js** 3.4.9, when a connection is lost while it writes, throws where nobody can catch it (`Cannot read properties of null`), and may wait without end for a connection that is lost while it is made: with a gateway or without. Programs that must live through failovers give each statement a deadline and make a new client.",
  "**asyncpg** reports a lost connection as `InternalClientError` too, which is neither a `PostgresError` nor an `InterfaceError`: whoever reconnects catches all three.",
  "**pgjdbc** remembers for ten seconds that a host could not be reached and goes past it (`hostRecheckSeconds`).",
  "**node-postgres**: a statement that was prepared before its table changed fails for as long as its name is used (`0A000`), as without a gateway.",
  "**New tables**: a bare name of something that is yet to be made might be a temporary table's, or lie in a schema of the role's own name: rules for `ddl` name `pg_temp.*` and that schema beside your own, or the statement names its schema.",
];
