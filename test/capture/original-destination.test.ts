/** Where a redirected connection was going, as the kernel tells the addon, under real rules in network namespaces. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { descriptorOf } from "#runtime/native/descriptor.ts";
import { originalDestination, peerCredentials } from "#runtime/native/sockets.ts";
import { placeAddon } from "#tools/images/addon.ts";
import type { Child } from "#tools/world/child.ts";
import { attemptOne } from "./support/attempts.ts";
import {
  AGENT,
  GATEWAY,
  type Network,
  WORLD,
  captureProblem,
  inside,
  openNetwork,
  startIn,
} from "./support/network.ts";

before(placeAddon);

const TELLING = fileURLToPath(new URL("programs/tell-destination.ts", import.meta.url));

describe("where a connection was going", { skip: captureProblem() ?? false }, () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let teller: Child;
  before(async () => {
    network = stack.use(await openNetwork());
    const rules = `table inet redirecting {
      chain out {
        type nat hook output priority -100
        meta skuid ${GATEWAY.uid} return
        tcp dport 7000 return
        tcp dport 5433 redirect to :7000
        meta l4proto tcp redirect to :7001
      }
    }
`;
    const [program, ...words] = inside(network.pod, undefined, ["nft", "-f", "-"]);
    execFileSync(program, words, { input: rules });
    teller = stack.use(
      await startIn(network.pod, GATEWAY, [
        process.execPath,
        TELLING,
        "::/7000",
        "127.0.0.1/7001",
        "::1/7001",
      ]),
    );
    await teller.line(/^listening$/m);
  });
  after(() => stack.disposeAsync());

  const told = async (host: string, port: number, protocol: "tcp" | "mptcp" = "tcp"): Promise<string> =>
    (await attemptOne(network.pod, { protocol, host, port }, AGENT)).by ?? "nothing";

  test("IPv4 and IPv6, whatever the port", async () => {
    assert.equal(await told(WORLD.v4, 5432), `4 ${WORLD.v4} 5432`);
    assert.equal(await told(WORLD.metadata, 80), `4 ${WORLD.metadata} 80`);
    assert.equal(await told(WORLD.v6, 443), `6 ${WORLD.v6} 443`);
    assert.equal(await told(WORLD.v6, 65_535), `6 ${WORLD.v6} 65535`);
  });

  test("IPv4 in the clothes of IPv6, and MPTCP", async () => {
    assert.equal(await told(`::ffff:${WORLD.v4}`, 5432), `4 ${WORLD.v4} 5432`);
    assert.equal(await told(WORLD.v4, 5432, "mptcp"), `4 ${WORLD.v4} 5432`);
  });

  test("IPv4 that arrives at a listener for both families", async () => {
    assert.equal(await told(WORLD.v4, 5433), `4 ${WORLD.v4} 5433`);
    assert.equal(await told(WORLD.v6, 5433), `6 ${WORLD.v6} 5433`);
  });

  test("nowhere else: what was not redirected has no destination, although the kernel tracks it", async () => {
    assert.equal(await told("127.0.0.1", 7000), "not redirected");
    assert.equal(await told("::1", 7000), "not redirected");
    assert.equal(await told(network.pod.ipv4, 7000), "not redirected");
    assert.equal(await told("::ffff:127.0.0.1", 7000), "not redirected");
  });
});

describe("sockets that were not redirected", () => {
  async function pair(path?: string): Promise<{ near: Socket; far: Socket; [Symbol.dispose](): void }> {
    const server = createServer().listen(path ?? { host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const near =
      path === undefined ? connect((server.address() as AddressInfo).port, "127.0.0.1") : connect(path);
    const [far] = (await once(server, "connection")) as [Socket];
    const end = (): void => {
      for (const socket of [near, far]) socket.destroy();
      server.close();
    };
    return { near, far, [Symbol.dispose]: end };
  }

  test("have no destination; when they are closed they have nothing", async () => {
    using sockets = await pair();
    assert.equal(originalDestination(sockets.far), undefined);
    assert.equal(peerCredentials(sockets.far), undefined);
    sockets.far.destroy();
    assert.equal(descriptorOf(sockets.far), undefined);
    assert.equal(originalDestination(sockets.far), undefined);
  });

  test("over a path, have somebody at their other end", async () => {
    using sockets = await pair(join(tmpdir(), `sallyport-peer-${process.pid}`));
    const self = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
    assert.deepEqual(peerCredentials(sockets.far), self);
    assert.equal(originalDestination(sockets.far), undefined);
    sockets.far.destroy();
    assert.equal(peerCredentials(sockets.far), undefined);
  });

  test("Node.js still keeps a socket's number where we read it", async () => {
    using sockets = await pair();
    const descriptor = descriptorOf(sockets.far);
    assert.ok(descriptor !== undefined && descriptor > 2);
    assert.notEqual(descriptor, descriptorOf(sockets.near));
    const changed = { _handle: { fd: "eleven" } } as unknown as Socket;
    assert.throws(() => descriptorOf(changed), /does not tell a socket's number/);
  });
});
