/** How the gateway looks upstreams up: by its own name servers, in both families, and by nothing else. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { LookupAddress } from "node:dns";
import { test } from "node:test";
import { answerQuestion } from "#core/wire/dns/answer.ts";
import { TYPE } from "#core/wire/dns/question.ts";
import { questionOrAnswer } from "#core/wire/dns/refuse.ts";
import { ipv4Bytes, ipv6Bytes } from "#runtime/address.ts";
import { lookupThrough } from "#sidecar/pod/resolving.ts";

interface Server extends AsyncDisposable {
  readonly address: string;
  readonly asked: string[];
}

async function serve(
  known: Readonly<Record<string, { readonly ipv4?: string; readonly ipv6?: string }>>,
): Promise<Server> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  const asked: string[] = [];
  socket.on("message", (query, from) => {
    const read = questionOrAnswer(query);
    assert.ok(read !== undefined && "question" in read);
    const { name = "", type } = read.question;
    asked.push(name);
    const found = known[name];
    const { ipv4, ipv6 } = found ?? {};
    const addresses = [
      ...(type === TYPE.a && ipv4 !== undefined ? [ipv4Bytes(ipv4)] : []),
      ...(type === TYPE.aaaa && ipv6 !== undefined ? [ipv6Bytes(ipv6)] : []),
    ];
    const code = found === undefined ? "noSuchName" : "ok";
    socket.send(
      answerQuestion(query, read.question, { code, addresses, ttlSeconds: 1 }),
      from.port,
      from.address,
    );
  });
  await once(socket, "listening");
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: () => new Promise((closed) => socket.close(() => closed())),
  };
}

function look(server: Server, host: string, family?: 4 | 6): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookupThrough([server.address])(
      host,
      { all: true, ...(family === undefined ? {} : { family }) },
      (error, found) => {
        if (error === null) resolve(found as LookupAddress[]);
        else reject(error);
      },
    );
  });
}

test("both families, IPv4 first, or the one that is wanted", async () => {
  await using server = await serve({ "db.example.com": { ipv4: "203.0.113.7", ipv6: "2001:db8::7" } });
  const [ipv4, ipv6] = [
    { address: "203.0.113.7", family: 4 },
    { address: "2001:db8::7", family: 6 },
  ];
  assert.deepEqual(await look(server, "db.example.com"), [ipv4, ipv6]);
  assert.deepEqual(await look(server, "db.example.com", 6), [ipv6]);
});

test("one family is enough; none, or no such name, is an error", async () => {
  await using server = await serve({ six: { ipv6: "2001:db8::6" }, none: {} });
  assert.deepEqual(await look(server, "six"), [{ address: "2001:db8::6", family: 6 }]);
  await assert.rejects(look(server, "none"), { code: /ENODATA|ENOTFOUND/ });
  await assert.rejects(look(server, "missing.example.com"), { code: "ENOTFOUND" });
});

test("no hosts file and no search path: localhost is what the server says", async () => {
  await using server = await serve({ localhost: { ipv4: "203.0.113.9" } });
  assert.deepEqual(await look(server, "localhost"), [{ address: "203.0.113.9", family: 4 }]);
  assert.deepEqual([...new Set(server.asked)], ["localhost"]);
});

test("services are asked for by their whole names, everything else as it is written", async () => {
  await using server = await serve({
    "orders.shop.svc.cluster.local": { ipv4: "10.96.0.7" },
    "svc.example.com": { ipv4: "203.0.113.7" },
  });
  assert.equal((await look(server, "orders.shop.svc"))[0]?.address, "10.96.0.7");
  assert.equal((await look(server, "svc.example.com"))[0]?.address, "203.0.113.7");
});
