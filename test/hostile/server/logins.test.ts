/** A PostgreSQL that was taken over and lies while the gateway signs in: it learns nothing, and nothing of it piles up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import {
  authenticationCleartextPassword,
  authenticationOk,
  noticeOrError,
  parameterStatus,
  readAuthentication,
  readyForQuery,
} from "#core/wire/postgres/messages.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { sharedUpstream, startRig, until } from "#test/gateway/support/in-process.ts";
import { UPSTREAM_PASSWORD } from "#test/gateway/support/kinds.ts";
import { errorOf, Q, rawClient, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Hands, type Lie, startLiar } from "../support/liar.ts";

type Code = "UPSTREAM_PROTOCOL" | "UPSTREAM_UNTRUSTED" | "UPSTREAM_UNREACHABLE" | "CREDENTIAL_REFUSED";

const SASL = { list: 10, goesOn: 11, final: 12 } as const;
const sasl = (kind: number, text: string): Buffer => message("R", int32(kind), Buffer.from(text));

/** In the place of what the server says of this step of authentication. */
const at = (kind: number, change: (said: string) => Buffer): Lie => ({
  login: (type, frame) => {
    if (type !== "R") return undefined;
    const { kind: own, data } = readAuthentication(frame, 0, frame.length);
    return own === kind ? change(data.toString("latin1")) : undefined;
  },
});
/** In the place of the server's challenge, with its own nonce in it. */
const challenge = (change: (nonce: string) => string): Lie =>
  at(SASL.goesOn, (said) => sasl(SASL.goesOn, change(/^r=([^,]*)/.exec(said)?.[1] ?? "")));
/** And goes on as a server does. */
const negotiated = (version: number, ...unknown: readonly string[]): Lie =>
  at(SASL.list, (said) =>
    Buffer.concat([
      message("v", int32(version), int32(unknown.length), ...unknown.map(cstring)),
      sasl(SASL.list, said),
    ]),
  );
/** Before the server's first message of this type. */
const before = (type: string, ...messages: readonly Buffer[]): Lie => ({
  login: (each, frame) => (each === type ? Buffer.concat([...messages, frame]) : undefined),
});
/** Without an end, in the place of the key. */
const flood = (make: (count: number) => Buffer): Lie => ({
  login: (type, _, hands) => {
    if (type !== "K") return undefined;
    let count = 0;
    void hands.flood(() => make((count += 1)));
    return "silence";
  },
});
const start = (answer: (hands: Hands) => void): Lie => ({ asked: "SHOW search_path", answer });

const NOTICE = noticeOrError(
  "N",
  new Map([
    ["S", "NOTICE"],
    ["C", "00000"],
    ["M", "x".repeat(30_000)],
  ]),
);
const SALT = "W22ZaJ0SNY7soEsUEjb6gQ==";
const FATAL = noticeOrError(
  "E",
  new Map([
    ["S", "FATAL"],
    ["V", "FATAL"],
    ["C", "28P01"],
    ["M", 'no password for "orders_agent" at 127.0.0.1'],
  ]),
);
const row = (text: string): Buffer => message("D", int16(1), int32(text.length), Buffer.from(text));

const LIES: Readonly<Record<string, readonly [Code, Lie]>> = {
  "the password in the clear": ["UPSTREAM_UNTRUSTED", at(SASL.list, authenticationCleartextPassword)],
  "an MD5 of the password": ["UPSTREAM_UNTRUSTED", at(SASL.list, () => message("R", int32(5), int32(1)))],
  "no proof at all": ["UPSTREAM_UNTRUSTED", at(SASL.list, authenticationOk)],
  "a mechanism of its own": ["UPSTREAM_UNTRUSTED", at(SASL.list, () => sasl(SASL.list, "PLAIN\0\0"))],
  "mechanisms without an end": ["UPSTREAM_PROTOCOL", at(SASL.list, () => sasl(SASL.list, "SCRAM-SHA-256"))],
  "more work than anybody needs": [
    "UPSTREAM_UNTRUSTED",
    challenge((nonce) => `r=${nonce},s=${SALT},i=1000001`),
  ],
  "a billion of iterations": ["UPSTREAM_UNTRUSTED", challenge((nonce) => `r=${nonce},s=${SALT},i=999999999`)],
  "no iterations": ["UPSTREAM_UNTRUSTED", challenge((nonce) => `r=${nonce},s=${SALT},i=0`)],
  "a proof that is cheap to guess at": [
    "UPSTREAM_PROTOCOL",
    challenge((nonce) => `r=${nonce},s=${SALT},i=4095`),
  ],
  "another nonce": ["UPSTREAM_UNTRUSTED", challenge((nonce) => `r=x${nonce},s=${SALT},i=4096`)],
  "our nonce and nothing of its own": [
    "UPSTREAM_UNTRUSTED",
    challenge((nonce) => `r=${nonce.slice(0, 24)},s=${SALT},i=4096`),
  ],
  "a nonce of 60 kB": [
    "UPSTREAM_UNTRUSTED",
    challenge((nonce) => `r=${nonce}${"n".repeat(60_000)},s=${SALT},i=4096`),
  ],
  "a salt that is no base64": ["UPSTREAM_UNTRUSTED", challenge((nonce) => `r=${nonce},s=*,i=4096`)],
  "an extension that must be known": [
    "UPSTREAM_UNTRUSTED",
    challenge((nonce) => `m=x,r=${nonce},s=${SALT},i=4096`),
  ],
  "a signature that is not its own": [
    "UPSTREAM_UNTRUSTED",
    at(SASL.final, () => sasl(SASL.final, `v=${"A".repeat(43)}=`)),
  ],
  "no signature": ["UPSTREAM_UNTRUSTED", at(SASL.final, authenticationOk)],
  "an error for its signature": [
    "UPSTREAM_UNTRUSTED",
    at(SASL.final, () => sasl(SASL.final, "e=other-error")),
  ],
  "an authentication that begins anew": ["UPSTREAM_PROTOCOL", before("K", authenticationOk())],
  "an authentication of four bytes too few": ["UPSTREAM_PROTOCOL", at(SASL.list, () => message("R"))],
  "a parameter without a value": ["UPSTREAM_PROTOCOL", before("K", message("S", cstring("a")))],
  "a row before there is a session": ["UPSTREAM_PROTOCOL", before("K", row("x"))],
  "a key of 60 kB": ["UPSTREAM_PROTOCOL", before("Z", message("K", int32(1), Buffer.alloc(60_000)))],
  "texts that are no UTF-8": ["UPSTREAM_PROTOCOL", before("K", parameterStatus("client_encoding", "SJIS"))],
  "strings that are not standard": [
    "UPSTREAM_PROTOCOL",
    before("K", parameterStatus("standard_conforming_strings", "off")),
  ],
  "a newer protocol than was asked for": [
    "UPSTREAM_PROTOCOL",
    at(SASL.list, () => message("v", int32((3 << 16) | 9), int32(0))),
  ],
  "another protocol than was asked for": ["UPSTREAM_PROTOCOL", negotiated(4 << 16)],
  "an older protocol than there is": ["UPSTREAM_PROTOCOL", negotiated(2 << 16)],
  "an option that nobody asked for": ["UPSTREAM_PROTOCOL", negotiated(3 << 16, "_pq_.x")],
  "notices without an end": ["UPSTREAM_PROTOCOL", flood(() => NOTICE)],
  "parameters without an end": ["UPSTREAM_PROTOCOL", flood((count) => parameterStatus(`p${count}`, "x"))],
  "short parameters without an end": ["UPSTREAM_PROTOCOL", flood(() => parameterStatus("p", ""))],
  "one parameter without an end": ["UPSTREAM_PROTOCOL", flood(() => parameterStatus("p", "x".repeat(1_000)))],
  "a few parameters of 60 kB": [
    "UPSTREAM_PROTOCOL",
    flood((count) => parameterStatus(`p${count}`, "x".repeat(60_000))),
  ],
  "negotiations without an end": [
    "UPSTREAM_PROTOCOL",
    {
      login: (type, _, hands) => {
        if (type !== "R") return undefined;
        void hands.flood(() => message("v", int32(3 << 16), int32(0)));
        return "silence";
      },
    },
  ],
  "its own words for a refusal": ["CREDENTIAL_REFUSED", at(SASL.list, () => FATAL)],
  "search paths without an end": [
    "UPSTREAM_PROTOCOL",
    start((hands) => void hands.flood(() => row("x".repeat(60_000)))),
  ],
  "no search path": ["UPSTREAM_PROTOCOL", start(({ socket }) => void socket.write(readyForQuery("I")))],
  "a search path without a user": [
    "UPSTREAM_PROTOCOL",
    start(({ socket }) => void socket.write(Buffer.concat([row("public"), readyForQuery("I")]))),
  ],
  "nothing any more": [
    "UPSTREAM_UNREACHABLE",
    { login: (type, _, { socket }) => (type === "K" ? end(socket) : undefined) },
  ],
};

function end(socket: Hands["socket"]): "silence" {
  socket.end();
  return "silence";
}

test("an upstream that was taken over asks or answers", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  const server = await sharedUpstream();
  const liar = await startLiar(server.port);
  context.after(() => liar[Symbol.asyncDispose]());
  const rig = await startRig(context, { upstreamPort: liar.port });
  const witness = await wireClient(rig.port);
  context.after(() => witness.close());

  const codes: string[] = [];
  for (const [what, [code, lie]] of Object.entries(LIES))
    await context.test(`${what}: ${code}`, async () => {
      liar.lie = lie;
      const client = await rawClient(rig.port);
      client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
      // A login that does not end is not waited for.
      const late = setTimeout(() => client.close(), 5_000);
      const heard = await client.until(() => false);
      clearTimeout(late);
      liar.lie = {};
      const error = errorOf(heard);
      assert.match(error.get("D") ?? "nothing", new RegExp(`: ${code}\\.`));
      const text = Buffer.concat(heard.map(({ bytes }) => bytes)).toString("latin1");
      for (const secret of [UPSTREAM_PASSWORD, "orders_agent", String(liar.port)])
        assert.equal(text.includes(secret), false, `the client hears ${secret}`);
      await until(() => rig.plane.gateway.sessionCount === 1);
      codes.push(code);
      assert.equal(await witness.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
    });

  await context.test(
    "each of them is on record, none is taken for a bug, and no connection is left",
    async () => {
      const closes = async (): Promise<unknown[]> =>
        (await rig.events()).filter(({ kind }) => kind === "session.close").map(({ code }) => code);
      await until(async () => (await closes()).length === codes.length);
      assert.deepEqual(await closes(), codes);
      assert.deepEqual(
        rig.lines.filter(({ message: said }) => said.includes("bug")),
        [],
      );
      await until(() => liar.open <= 2);
    },
  );
});
