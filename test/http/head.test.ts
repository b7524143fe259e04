/** Heads: what is read, what is refused, and that no piece of one changes what it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { forwarded, membersOf, valueOf } from "#core/wire/http/fields.ts";
import { HEAD_BYTES_MAX, readRequest, readResponse } from "#core/wire/http/head.ts";
import { requestHead, responseHead } from "#core/wire/http/write.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { SMUGGLED } from "./smuggling.ts";

const RUNS = { numRuns: fuzzRuns(500), ...fuzzSeed() };
const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");

for (const [what, text] of Object.entries(SMUGGLED))
  test(`refused: ${what}`, () => assert.equal(readRequest(latin1(text)).state, "broken"));

test("the same without what is wrong with them are read", () => {
  for (const text of [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a/b?c HTTP/1.1\r\nHost: A\r\n\r\n",
    "GET https://a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: [::1]:6443\r\nContent-Length: 05\r\n\r\nhello",
    "POST / HTTP/1.1\r\nhost:a\r\ntransfer-encoding:\t Chunked \r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \u00e9 \t b\r\n\r\n",
  ])
    assert.equal(readRequest(latin1(text)).state, "head", text);
});

test("a target with a host is read as its path", () => {
  const read = readRequest(latin1("GET http://a/b?c=http://d HTTP/1.1\r\nHost: a\r\n\r\n"));
  assert.equal(read.state === "head" && read.head.target, "/b?c=http://d");
});

test("responses: what has no body, what says its length, and what ends with its connection", () => {
  const framing = (text: string, method = "GET"): unknown => {
    const read = readResponse(latin1(`HTTP/1.1 ${text}\r\n\r\n`), method);
    return read.state === "head" ? read.head.framing.kind : read.state;
  };
  assert.equal(framing("200 OK"), "untilClose");
  assert.equal(framing("200"), "untilClose");
  assert.equal(framing("200 OK\r\nContent-Length: 0"), "none");
  assert.equal(framing("200 OK\r\nContent-Length: 3"), "length");
  assert.equal(framing("200 OK\r\nTransfer-Encoding: chunked"), "chunked");
  assert.equal(framing("200 OK\r\nContent-Length: 3", "HEAD"), "none");
  assert.equal(framing("204 No Content"), "none");
  assert.equal(framing("304 Not Modified\r\nContent-Length: 3"), "none");
  assert.equal(framing("101 Switching Protocols"), "none");
  for (const broken of [
    "200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    "20 OK",
    "600 OK",
    "200 a\0b",
  ])
    assert.equal(framing(broken), "broken", broken);
  assert.equal(readResponse(latin1("HTTP/1.0 200 OK\r\n\r\n"), "GET").state, "broken");
});

test("heads are bounded, and a line end that is none is said at once", () => {
  const long = latin1(`GET /${"a".repeat(HEAD_BYTES_MAX)}`);
  assert.equal(readRequest(long).state, "broken");
  const many = `GET / HTTP/1.1\r\nHost: a\r\n${"X: a\r\n".repeat(200)}\r\n`;
  assert.equal(readRequest(latin1(many)).state, "broken");
  assert.equal(readRequest(latin1("GET / HTTP/1.1\n")).state, "broken");
});

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}$/);
const value = fc.stringMatching(/^([!-~\u00a0-\u00ff]([ \t!-~\u00a0-\u00ff]{0,20}[!-~\u00a0-\u00ff])?)?$/);
const framingNames = new Set(["host", "content-length", "transfer-encoding"]);
const fields = fc.array(
  fc.tuple(token, value).filter(([name]) => !framingNames.has(name.toLowerCase())),
  { maxLength: 12 },
);
const target = fc.stringMatching(/^\/[!"$-~]{0,40}$/);

test("what is written is read as it was meant, wherever it is cut", () => {
  fc.assert(
    fc.property(target, fields, fc.string({ maxLength: 20 }), (path, more, behind) => {
      const bytes = Buffer.concat([
        requestHead("PATCH", path, [["Host", "a:6443"], ...more]),
        latin1(behind),
      ]);
      const read = readRequest(bytes);
      assert.ok(read.state === "head");
      assert.equal(read.usedBytes, bytes.length - latin1(behind).length);
      assert.deepEqual([read.head.method, read.head.target, read.head.host], ["PATCH", path, "a:6443"]);
      assert.deepEqual(read.head.fields, [["Host", "a:6443"], ...more]);
      for (let cut = 0; cut < read.usedBytes; cut += 1)
        assert.equal(readRequest(bytes.subarray(0, cut)).state, "more");
    }),
    RUNS,
  );
});

test("responses likewise", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fields, (status, more) => {
      const bytes = responseHead(status, "As It Is", more);
      const read = readResponse(bytes, "GET");
      assert.ok(read.state === "head");
      assert.deepEqual([read.head.status, read.head.reason, read.head.fields], [status, "As It Is", more]);
    }),
    RUNS,
  );
});

test("whatever comes is more, a head or broken, and what is a head can be written again to the same", () => {
  const pieces = fc.constantFrom(
    ..."\r\n, ,:,\t,GET ,/ ,HTTP/1.1,Host: a,Content-Length: 1,Transfer-Encoding: chunked,X,\0,\n,\r".split(
      ",",
    ),
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 9, arbitrary: pieces }, { weight: 1, arbitrary: fc.string() })),
      (all) => {
        const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${all.join("")}`);
        const read = readRequest(bytes);
        if (read.state !== "head") return;
        const again = readRequest(requestHead(read.head.method, read.head.target, read.head.fields));
        assert.ok(again.state === "head");
        assert.deepEqual(again.head, read.head);
      },
    ),
    RUNS,
  );
});

test("what is of one connection is not passed on, whatever it is called", () => {
  const all = [
    ["Connection", "X-Mine, close"],
    ["connection", "Y"],
    ["x-mine", "1"],
    ["Y", "2"],
    ["Keep-Alive", "3"],
    ["TE", "trailers"],
    ["Z", "4"],
  ] as const;
  assert.deepEqual(forwarded(all), [["Z", "4"]]);
  assert.deepEqual(membersOf(all, "connection"), ["x-mine", "close", "y"]);
  assert.equal(valueOf(all, "z"), "4");
});
