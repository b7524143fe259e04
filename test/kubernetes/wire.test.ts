/** What goes on to an API server, what comes back, and what never does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { refusal } from "#core/values/refusal.ts";
import { until } from "#test/gateway/support/in-process.ts";
import { SMUGGLED, SMUGGLED_CHUNKS } from "#test/http/smuggling.ts";
import { TOKEN, answer, get, open, startUpstream } from "./support/direct.ts";

const PODS = "/api/v1/namespaces/shop/pods";
const WATCH = `${PODS}?watch=true`;
const CHUNKED = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENT = '{"type":"ADDED"}\n';
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const heads = (text: string): number => text.split("\r\n\r\n").length - 1;

test("the client's word for who it is goes away, and the bearer is ours", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("pods")));
  const bearer = Buffer.from("stolen").toString("base64url");
  const { told } = await open(context, {
    upstream,
    sends: get(
      PODS,
      "Authorization: Bearer sallyport.dev/this-is-no-token",
      "authorization: Basic YTpi",
      "Cookie: a=b",
      "X-Remote-User: system:admin",
      "X-Remote-Group: system:masters",
      "X-Remote-Extra-Scopes: all",
      "Proxy-Authorization: Basic YTpi",
      "Connection: keep-alive, X-Hop",
      "X-Hop: 1",
      "User-Agent: kubectl/v1",
      `Sec-WebSocket-Protocol: v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.${bearer}`,
      "Accept: application/json",
    ),
  });
  await until(() => told().endsWith("pods"));
  const received = upstream.received();
  assert.equal(received.split("\r\n")[0], `GET ${PODS} HTTP/1.1`);
  assert.deepEqual(received.split("\r\n").slice(1, -2), [
    `Authorization: Bearer ${TOKEN}`,
    `Host: 127.0.0.1:${upstream.port}`,
    "User-Agent: kubectl/v1 (sallyport:test)",
    "Accept: application/json",
    "Sec-WebSocket-Protocol: v5.channel.k8s.io",
  ]);
  assert.doesNotMatch(told(), new RegExp(TOKEN));
});

test("whoever asks to be taken for somebody else is refused, and nothing goes on", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("pods")));
  const session = await open(context, {
    upstream,
    permits: (what) => !what.includes("impersonation"),
    sends: get(PODS, "Impersonate-User: system:admin") + get(PODS),
  });
  await until(() => session.told().endsWith("pods"));
  assert.match(session.told(), /^HTTP\/1\.1 403 Forbidden\r\n/);
  assert.equal(heads(upstream.received()), 1);
  assert.doesNotMatch(upstream.received(), /impersonate/i);
});

test("a refused request leaves the connection usable, and reaches nobody", async (context) => {
  const upstream = await startUpstream(context, (socket, text) => {
    if (text.endsWith("\r\n\r\n")) socket.write(answer("one pod"));
  });
  const session = await open(context, {
    upstream,
    permits: (what) => what.includes("/web"),
    sends: get(PODS) + get(`${PODS}/web`),
  });
  await until(() => session.told().endsWith("one pod"));
  const [head = "", body = ""] = session.told().split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 403 Forbidden\r\nContent-Type: application\/json\r\n/);
  const status = JSON.parse(body.slice(0, body.indexOf("\n"))) as Record<string, unknown>;
  assert.deepEqual(
    [status["kind"], status["code"], status["reason"], status["message"]],
    ["Status", 403, "Forbidden", "deny: list pods in shop (Sallyport: DENY_NO_RULE, sallyport:test/0)"],
  );
  assert.equal(heads(upstream.received()), 1);
});

test("where the API tells of itself it is refused in a text, which is what kubectl shows", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("")));
  const { told } = await open(context, {
    upstream,
    permits: () => false,
    sends: get("/api") + get("/apis?timeout=32s") + get("/apis/apps/v1/deployments"),
  });
  await until(() => heads(told()) === 3 && told().endsWith("}\n"));
  const types = [...told().matchAll(/^Content-Type: (.*)\r$/gm)].map(([, type]) => type);
  assert.deepEqual(types, ["text/plain; charset=utf-8", "text/plain; charset=utf-8", "application/json"]);
  assert.match(told(), /\r\n\r\ndeny: get \/api \(Sallyport: DENY_NO_RULE, sallyport:test\/0\)\n/);
  assert.equal(upstream.received(), "");
});

test("a refused request with a body is the connection's last", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("")));
  const hidden = get(`${PODS}/hidden`);
  const session = await open(context, {
    upstream,
    permits: (what) => what.startsWith("get"),
    sends: `POST ${PODS} HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  });
  await session.end;
  assert.match(session.told(), /^HTTP\/1\.1 403 Forbidden\r\n.*\r\nConnection: close\r\n/s);
  assert.equal(upstream.received(), "");
});

test("nothing of what can be read in two ways goes on", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("")));
  const behind = get("/hidden");
  for (const [what, text] of Object.entries(SMUGGLED)) {
    const { told, end } = await open(context, { upstream, sends: text + behind });
    await end;
    assert.match(told(), /^HTTP\/1\.1 400 Bad Request\r\n/, what);
  }
  for (const [what, text] of Object.entries(SMUGGLED_CHUNKS)) {
    const post = `POST ${PODS} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const { told, end } = await open(context, { upstream, sends: post + text + behind });
    await end;
    assert.match(told(), /^HTTP\/1\.1 400 Bad Request\r\n/, what);
  }
  assert.doesNotMatch(upstream.received(), /hidden/);
});

test("bodies go both ways as they are, in pieces of any size", async (context) => {
  const content = "x".repeat(300_000);
  const upstream = await startUpstream(context, (socket, text) => {
    if (!text.endsWith("0\r\n\r\n")) return;
    socket.write(CHUNKED);
    for (let at = 0; at < 10; at += 1) socket.write(chunk(content.slice(0, 30_000)));
    socket.end("0\r\n\r\n");
  });
  const session = await open(context, { upstream });
  const body = chunk(content) + "0\r\n\r\n";
  session.client.write(
    `PUT ${PODS}/web HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`,
  );
  await until(() => session.told() === "HTTP/1.1 100 Continue\r\n\r\n");
  for (let at = 0; at < body.length; at += 7_919) session.client.write(body.slice(at, at + 7_919));
  await until(() => session.told().endsWith("0\r\n\r\n"));
  assert.ok(upstream.received().endsWith(body));
  assert.doesNotMatch(upstream.received(), /^expect:/im);
  await until(() => session.results.length === 1);
  assert.deepEqual([session.results[0]?.ended, session.results[0]?.bytes], ["complete", 300_000]);
});

test("a watch that policy forbids ends by an event, between two others, and the connection goes on", async (context) => {
  const upstream = await startUpstream(context, (socket, text) => {
    if (text.includes("watch")) socket.write(CHUNKED + chunk(EVENT));
    else socket.write(answer("one pod"));
  });
  let isPermitted = true;
  const permits = (what: string): boolean => isPermitted || !what.startsWith("watch");
  const session = await open(context, { upstream, permits, sends: get(WATCH) });
  await until(() => session.told().includes("ADDED"));
  isPermitted = false;
  session.change();
  await until(() => session.told().endsWith("0\r\n\r\n"));
  const [, , , last = ""] = session
    .told()
    .split("\r\n")
    .filter((line) => line.startsWith("{"));
  const events = session.told().match(/\{"type".*\}\n/g) ?? [];
  assert.equal(events.length, 2, last);
  const error = JSON.parse(events[1] ?? "") as { type: string; object: { code: number; message: string } };
  assert.deepEqual([error.type, error.object.code], ["ERROR", 403]);
  assert.match(error.object.message, /POLICY_CHANGED/);
  // The API server hears that nobody listens any more.
  await until(() => upstream.sockets[0]?.destroyed === true);
  session.client.write(get(`${PODS}/web`));
  await until(() => session.told().endsWith("one pod"));
});

test("one that is stopped within an event ends by a reset: what came is not all", async (context) => {
  const upstream = await startUpstream(context, (socket) => {
    socket.write(`${CHUNKED}ff\r\n{"type":`);
  });
  let isPermitted = true;
  const session = await open(context, { upstream, permits: () => isPermitted, sends: get(WATCH) });
  await until(() => session.told().includes("type"));
  isPermitted = false;
  session.change();
  const { by, refusal: why } = await session.end;
  assert.deepEqual([by, why?.code], ["gateway", "POLICY_CHANGED"]);
  await until(() => session.client.destroyed);
  assert.doesNotMatch(session.told(), /0\r\n\r\n$|ERROR/);
});

test("a session that has to end tells the request that runs why", async (context) => {
  const upstream = await startUpstream(context, () => undefined);
  const session = await open(context, { upstream, sends: get(PODS) });
  await until(() => upstream.received().endsWith("\r\n\r\n"));
  session.stop(refusal("REVOKED"));
  const { refusal: why } = await session.end;
  assert.equal(why?.code, "REVOKED");
  assert.match(session.told(), /^HTTP\/1\.1 403 Forbidden\r\n.*REVOKED/s);
});

test("a limit ends what is on its way, cleanly told apart from an end", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("x".repeat(50_000))));
  let bytes = 0;
  const count = (_rows: number, more: number) =>
    (bytes += more) > 10_000 ? refusal("LIMIT_BYTES") : undefined;
  const session = await open(context, { upstream, count, sends: get(PODS) });
  const { refusal: why } = await session.end;
  assert.equal(why?.code, "LIMIT_BYTES");
  assert.equal(session.results[0]?.ended, "limit");
  assert.ok(session.told().length < 50_000);
});

test("a client that leaves takes its watch along", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(CHUNKED + chunk(EVENT)));
  const session = await open(context, { upstream, sends: get(WATCH) });
  await until(() => session.told().includes("ADDED"));
  session.client.end();
  await until(() => upstream.sockets[0]?.destroyed === true);
  assert.deepEqual([(await session.end).by, session.results[0]?.ended], ["client", "cancelled"]);
});

test("a client that reads slowly holds the API server back", async (context) => {
  let written = 0;
  let isHeld = false;
  const upstream = await startUpstream(context, (socket) => {
    socket.write(CHUNKED);
    const more = (): void => {
      while (!socket.destroyed && written < 200_000_000) {
        written += 65_536;
        if (!socket.write(chunk("y".repeat(65_536)))) {
          isHeld = true;
          return void socket.once("drain", more);
        }
      }
    };
    more();
  });
  const session = await open(context, { upstream, sends: get(`${PODS}/web/log?follow=true`) });
  await until(() => session.told().length > 0);
  session.client.pause();
  let before = -1;
  // Until nothing moves any more.
  await until(async () => {
    const isStill = written === before;
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return isStill && isHeld;
  });
  assert.ok(written < 50_000_000, `${written} bytes were taken from the API server`);
  session.client.resume();
  await until(() => written > before);
});

test("an API server that closes what is idle is asked again on another connection", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("pods")));
  const session = await open(context, { upstream, sends: get(PODS) });
  await until(() => session.told().endsWith("pods"));
  upstream.sockets[0]?.end();
  await until(() => upstream.sockets[0]?.destroyed === true);
  session.client.write(get(PODS));
  await until(() => heads(session.told()) === 2 && session.told().endsWith("pods"));
  assert.equal(upstream.sockets.length, 2);
});

test("one that closes just then is asked once more, for reads alone", async (context) => {
  const upstream = await startUpstream(context, (socket, text) => {
    if (heads(text) === 1) socket.write(answer("pods"));
    else socket.destroy();
  });
  const session = await open(context, { upstream, sends: get(PODS) });
  await until(() => session.told().endsWith("pods"));
  session.client.write(get(PODS));
  await until(() => heads(session.told()) === 2 && session.told().endsWith("pods"));
  session.client.write(`DELETE ${PODS}/web HTTP/1.1\r\nHost: a\r\n\r\n`);
  await until(() => /503 Service Unavailable.*UPSTREAM_UNREACHABLE/s.test(session.told()));
});

test("an API server that breaks HTTP is no answer", async (context) => {
  for (const bad of [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\n",
    "SSH-2.0-x\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  ]) {
    const upstream = await startUpstream(context, (socket) => socket.write(bad));
    const session = await open(context, { upstream, sends: get(PODS) });
    await until(() => session.told().includes("\r\n\r\n"));
    assert.match(session.told(), /^HTTP\/1\.1 502 Bad Gateway\r\n.*UPSTREAM_PROTOCOL/s, bad);
  }
});

test("a bearer that has run out is asked for again, and one that was not taken", async (context) => {
  let status = "200 OK";
  const upstream = await startUpstream(context, (socket) =>
    socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 4\r\n\r\npods`),
  );
  const tokens = ["first", "second", "third"];
  let expiresMs = Date.now() + 1_000;
  const prove = () => ({ token: tokens.shift() ?? "none", expiresMs });
  const session = await open(context, { upstream, prove, sends: get(PODS) });
  await until(() => heads(session.told()) === 1);
  expiresMs = Date.now() + 600_000;
  status = "401 Unauthorized";
  session.client.write(get(PODS));
  await until(() => heads(session.told()) === 2);
  status = "200 OK";
  session.client.write(get(PODS));
  await until(() => heads(session.told()) === 3);
  session.client.write(get(PODS));
  await until(() => heads(session.told()) === 4);
  const bearers = [...upstream.received().matchAll(/Bearer (\w+)/g)].map(([, token]) => token);
  assert.deepEqual(bearers, ["first", "second", "third", "third"]);
});

test("streams: opened by a request that may, both ways, until either ends", async (context) => {
  const upstream = await startUpstream(context, (socket, text) => {
    const [, said = ""] = text.split("\r\n\r\n");
    if (said === "")
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello ",
      );
    else if (said.endsWith("bye")) socket.end("bye");
  });
  const upgrade = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: k",
    "Sec-WebSocket-Extensions: permessage-deflate",
  ];
  const session = await open(context, { upstream, sends: get(`${PODS}/web/exec?command=sh`, ...upgrade) });
  await until(() => session.told().endsWith("hello "));
  assert.match(
    session.told(),
    /^HTTP\/1\.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n/,
  );
  assert.match(upstream.received(), /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
  assert.doesNotMatch(upstream.received(), /deflate/);
  session.client.write("good");
  session.client.write("bye");
  assert.equal((await session.end).by, "upstream");
  assert.ok(session.told().endsWith("hello bye"));
  assert.ok(upstream.received().endsWith("goodbye"));
});

test("no other request takes over its connection", async (context) => {
  const upstream = await startUpstream(context, (socket) => socket.write(answer("pods")));
  for (const [target, ...fields] of [
    [WATCH, "Connection: Upgrade", "Upgrade: websocket"],
    [PODS, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"],
    [`${PODS}/web/exec`, "Connection: Upgrade", "Upgrade: tcp"],
    [`${PODS}/web/exec`, "Upgrade: websocket"],
    [`${PODS}/web/exec`, "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 4"],
    ["/api/v1/namespaces/shop/services/web/proxy/", "Connection: Upgrade", "Upgrade: websocket"],
  ] as const) {
    const session = await open(context, { upstream, sends: get(target, ...fields) });
    await until(() => session.told().includes("\r\n\r\n"));
    assert.match(session.told(), /^HTTP\/1\.1 400 Bad Request\r\n.*NOT_SUPPORTED/s, target);
  }
  assert.equal(upstream.received(), "");
});

test("a stream ends when policy forbids it", async (context) => {
  const upstream = await startUpstream(context, (socket) =>
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"),
  );
  let isPermitted = true;
  const sends = get(`${PODS}/web/attach`, "Connection: Upgrade", "Upgrade: SPDY/3.1");
  const session = await open(context, { upstream, permits: () => isPermitted, sends });
  await until(() => session.told().includes("101"));
  isPermitted = false;
  session.change();
  assert.equal((await session.end).refusal?.code, "POLICY_CHANGED");
  await until(() => upstream.sockets[0]?.destroyed === true && session.client.destroyed);
});
