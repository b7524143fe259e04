import assert from "node:assert/strict";
import { test } from "node:test";
import { serialize } from "pg-protocol";
import { readBindNames } from "#core/wire/postgres/bind.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import {
  errorResponse,
  noticeOrError,
  readExecute,
  readNoticeOrError,
  readParse,
  readQuery,
  readTarget,
  sqlStateOf,
} from "#core/wire/postgres/messages.ts";
import { parseOptions } from "#core/wire/postgres/options.ts";
import {
  cancelRequest,
  gssencRequest,
  PROTOCOL_3_2,
  readStartup,
  sslRequest,
  startupMessage,
} from "#core/wire/postgres/startup.ts";

const whole = <Value>(read: (bytes: Buffer, start: number, end: number) => Value, bytes: Buffer): Value =>
  read(bytes, 0, bytes.length);

test("what pg-protocol writes is read back", () => {
  assert.equal(whole(readQuery, serialize.query("select 'é'")).toString(), "select 'é'");
  const parse = whole(readParse, serialize.parse({ name: "s1", text: "select $1", types: [23, 25] }));
  assert.deepEqual([parse.name, parse.text.toString(), parse.parameterTypes.length], ["s1", "select $1", 8]);
  assert.deepEqual(whole(readTarget, serialize.describe({ type: "P", name: "c" })), { kind: "P", name: "c" });
  assert.deepEqual(whole(readTarget, serialize.close({ type: "S", name: "" })), { kind: "S", name: "" });
  assert.deepEqual(whole(readExecute, serialize.execute({ portal: "c", rows: 7 })), {
    portal: "c",
    rowsMax: 7,
  });
});

test("a Bind gives its names as soon as they have arrived", () => {
  const bind = serialize.bind({ portal: "p", statement: "s", values: ["abc", null], binary: true });
  const named = HEADER_BYTES + "p\0s\0".length;
  for (let cut = HEADER_BYTES; cut <= bind.length; cut += 1)
    assert.deepEqual(
      readBindNames(bind.subarray(0, cut), 0, cut),
      cut < named ? undefined : { portal: "p", statement: "s" },
      `cut at ${cut}`,
    );
  const unnamed = serialize.bind({ values: [] });
  assert.deepEqual(readBindNames(unnamed, 0, unnamed.length), { portal: "", statement: "" });
});

test("a message that contradicts its lengths is malformed", () => {
  const truncated = serialize.parse({ name: "s", text: "select 1", types: [23] }).subarray(0, -1);
  assert.throws(() => whole(readParse, truncated), MalformedMessage);
  assert.throws(
    () => whole(readQuery, Buffer.concat([serialize.query("a"), Buffer.of(0)])),
    MalformedMessage,
  );
});

test("an error is written and read field by field", () => {
  const bytes = errorResponse({ severity: "ERROR", code: "42501", message: "no", detail: "d", hint: "h" });
  assert.deepEqual(
    [...whole(readNoticeOrError, bytes)],
    [
      ["S", "ERROR"],
      ["V", "ERROR"],
      ["C", "42501"],
      ["M", "no"],
      ["D", "d"],
      ["H", "h"],
    ],
  );
  assert.equal(whole(sqlStateOf, bytes), "42501");
});

test("a zero in a text cannot smuggle in a field", () => {
  const bytes = noticeOrError("E", new Map([["M", "a\0C00000"]]));
  assert.deepEqual([...whole(readNoticeOrError, bytes)], [["M", "a C00000"]]);
});

test("every startup packet is read, cut anywhere", () => {
  const packets = [
    sslRequest(),
    gssencRequest(),
    cancelRequest(7, Buffer.alloc(4, 1)),
    cancelRequest(7, Buffer.alloc(32, 1)),
    startupMessage(PROTOCOL_3_2, { user: "u", database: "d", "_pq_.x": "1" }),
  ];
  const kinds = ["ssl", "gssenc", "cancel", "cancel", "startup"];
  packets.forEach((packet, index) => {
    for (let cut = 0; cut < packet.length; cut += 1)
      assert.deepEqual(readStartup(packet.subarray(0, cut)), { state: "more" });
    const read = readStartup(Buffer.concat([packet, Buffer.from("rest")]));
    assert.ok(read.state === "packet");
    assert.equal(read.packet.kind, kinds[index]);
    assert.equal(read.usedBytes, packet.length);
  });
});

test("a startup packet that cannot be is refused", () => {
  const twoUsers = Buffer.concat([
    Buffer.from([0, 0, 0, 25, 0, 3, 0, 0]),
    Buffer.from("user\0a\0user\0b\0\0\0\0\0"),
  ]);
  for (const bytes of [
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 4]),
    Buffer.from([0, 0, 0, 8, 0, 2, 0, 0]),
    Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0x61]),
    cancelRequest(1, Buffer.alloc(257)),
    twoUsers,
  ])
    assert.equal(readStartup(bytes).state, "broken", bytes.toString("hex"));
});

test("options are split as PostgreSQL splits them", () => {
  assert.deepEqual(parseOptions("-c a=1  -cb=x\\ y --Statement-timeout=5s"), {
    settings: [
      ["a", "1"],
      ["b", "x y"],
      ["statement_timeout", "5s"],
    ],
  });
  assert.deepEqual(parseOptions("-c a=\\\\"), { settings: [["a", "\\"]] });
});

test("options that are no settings are refused", () => {
  for (const text of ["-E", "-c", "-c a", "-c =1", "extra", "-d 5", "--a"])
    assert.ok("fault" in parseOptions(text), text);
});
