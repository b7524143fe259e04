/** A whole pod: gw-init's rules, the gateway as it is shipped, an agent that tries everything, and a line on which nothing is seen. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bundled } from "#tools/images/bundles.ts";
import { GATEWAY_FLAGS } from "#tools/images/gateway.ts";
import type { Child } from "#tools/world/child.ts";
import { type Attempt, attempt, attemptOne, leaving, serve } from "./support/attempts.ts";
import { ENVIRONMENT, READY, startGateway } from "./support/gateway.ts";
import { openGwInit, runGwInit } from "./support/gw-init.ts";
import {
  AGENT,
  type Network,
  WORLD,
  captureProblem,
  openNetwork,
  outputIn,
  startIn,
} from "./support/network.ts";

describe("a pod with its gateway", { skip: captureProblem() ?? false }, () => {
  const stack = new AsyncDisposableStack();
  let network: Network;
  let folder: string;
  let gateway: Child;
  let startMs: number;

  const start = (environment: Readonly<Record<string, string>> = ENVIRONMENT): Child => {
    const command = [process.execPath, ...GATEWAY_FLAGS, join(folder, "gateway.js")];
    return startGateway(network.pod, command, environment);
  };
  const health = (path: string): Promise<string> =>
    outputIn(
      network.world,
      undefined,
      process.execPath,
      "-e",
      fetching(`http://${network.pod.ipv4}:15021${path}`),
    );

  before(async () => {
    network = stack.use(await openNetwork());
    using init = await openGwInit();
    assert.equal(runGwInit(init.file, network.pod).status, 0);
    folder = mkdtempSync(join(tmpdir(), "sallyport-pod-"));
    stack.defer(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o755);
    cpSync(await bundled(["gateway"]), folder, { recursive: true });
    // Whoever it is in the world that an agent would talk to, it is there.
    const addresses = Object.values(WORLD);
    stack.use(
      await serve(network.world, undefined, {
        name: "WORLD",
        tcp: [22, 53, 80, 443, 5432],
        udp: [53, 443],
        addresses,
      }),
    );
    const beganMs = performance.now();
    gateway = stack.use(start());
    await gateway.line(READY);
    startMs = performance.now() - beganMs;
  });
  after(() => stack.disposeAsync());

  test("it starts, is ready and says so to probes from outside alone", async (t) => {
    assert.equal(await health("/startz"), "200 ok\n");
    assert.equal(await health("/readyz"), "200 ok\n");
    assert.equal(await health("/livez"), "200 ok\n");
    const own = await attemptOne(network.pod, { protocol: "tcp", host: network.pod.ipv4, port: 15_021 });
    assert.equal(own.outcome, "ECONNREFUSED");
    t.diagnostic(`figure gateway.start_to_ready_ms=${Math.round(startMs)}`);
    t.diagnostic(`figure gateway.rss_idle_mb=${(residentBytes(gateway.pid) / 1e6).toFixed(0)}`);
  });

  test("an agent that tries everything sends nothing to anybody", async () => {
    const hosts = [WORLD.v4, WORLD.v6, WORLD.metadata, WORLD.api];
    const everything: Attempt[] = [
      ...hosts.flatMap((host) =>
        [22, 53, 80, 443, 5432].map((port): Attempt => ({ protocol: "tcp", host, port, seconds: 0.02 })),
      ),
      ...hosts.flatMap((host) =>
        [53, 443, 4789].map((port): Attempt => ({ protocol: "udp", host, port, seconds: 0.05 })),
      ),
      { protocol: "mptcp", host: WORLD.v4, port: 443, seconds: 0.02 },
      { protocol: "udplite", host: WORLD.v4, port: 443, seconds: 0.02 },
      { protocol: "tcp", host: WORLD.v4, port: 443, device: "eth0", seconds: 0.1 },
      { protocol: "ping", host: WORLD.v4, seconds: 0.02 },
      { protocol: "ping6", host: WORLD.v6, seconds: 0.02 },
    ];
    // Without rules and gateway the same agent is heard by all of them.
    const world = network.world;
    const heard = await leaving({ world, place: network.bare, device: "pod2" }, () =>
      attempt(network.bare, everything),
    );
    assert.ok(heard.length > everything.length, `${heard.length} packets`);
    const left = await leaving({ world, place: network.pod, device: "pod1" }, async () => {
      const outcomes = await attempt(network.pod, everything);
      assert.deepEqual(
        outcomes.filter(({ by }) => by?.startsWith("WORLD")),
        [],
      );
    });
    // The gateway looks for its broker meanwhile; no attempt above is for the name server it asks.
    const own = `17 ${network.pod.ipv4} ${ENVIRONMENT.GW_RESOLVERS} 53`;
    assert.deepEqual(
      left.filter((packet) => packet !== own),
      [],
    );
  });

  test("real clients are told why: HTTP, DNS", async () => {
    const node = (program: string): Promise<string> =>
      outputIn(network.pod, AGENT, process.execPath, "-e", program);
    assert.match(await node(fetching(`http://${WORLD.v4}/latest`)), /^503 \{"code":"BROKER_UNAVAILABLE"/);
    assert.match(await node(fetching(`http://[${WORLD.v6}]:5432/`)), /^503 /);
    assert.match(await node(fetching(`https://${WORLD.v4}/`)), /alert access denied/);
    const resolving = `
      const resolver = new (require("node:dns").promises.Resolver)({ tries: 1, timeout: 1000 });
      resolver.setServers(["${WORLD.resolver}", "[${WORLD.resolver6}]"]);
      resolver.resolve4("db.shop.svc.cluster.local").catch((error) => console.log(error.code));`;
    assert.equal((await node(resolving)).trim(), "EREFUSED");
  });

  test("questions over TCP are refused like those over UDP", async () => {
    const asking = `
      const client = require("node:net").connect({ host: "${WORLD.resolver}", port: 53 });
      const head = Buffer.from("001dbeef0100000100000000000002646204746573740000010001", "hex");
      client.write(Buffer.concat([Buffer.from([0, head.length - 2]), head.subarray(2)]));
      client.once("data", (bytes) => { console.log(bytes.readUInt16BE(4) & 0x800f); client.destroy(); });`;
    assert.equal((await outputIn(network.pod, AGENT, process.execPath, "-e", asking)).trim(), String(0x8005));
  });

  test("psql has the server's own kind of error", { skip: missing("psql") }, async () => {
    const asked = outputIn(
      network.pod,
      AGENT,
      "psql",
      "--host",
      WORLD.v4,
      "--username",
      "agent",
      "--command",
      "select 1",
    );
    await assert.rejects(asked, /FATAL: .*\nDETAIL: {2}Refused by the gateway: BROKER_UNAVAILABLE\./);
  });

  test("what it counted, it tells; what was said to it, it does not", async () => {
    const page = await health("/metrics");
    for (const spoken of ["http", "tls", "postgres"])
      assert.match(
        page,
        new RegExp(
          `^sallyport_captured_total\\{code="BROKER_UNAVAILABLE",spoken="${spoken}",how="told"\\} [1-9]`,
          "m",
        ),
      );
    for (const transport of ["udp", "tcp"])
      assert.match(
        page,
        new RegExp(
          `^sallyport_dns_questions_total\\{transport="${transport}",outcome="no-plan"\\} [1-9]`,
          "m",
        ),
      );
    assert.match(page, /^sallyport_broker_connected\{worker="1"\} 0$/m);
    const log = gateway.output();
    assert.match(log, /"spoken":"http"/);
    assert.doesNotMatch(log, /latest|db\.shop|select 1/);
    for (const line of log.trim().split("\n")) assert.equal(JSON.parse(line).pod, "shop/agent-1");
  });

  test("a flood neither fills its log nor its memory", async (t) => {
    const flooding = `
      const { connect } = require("node:net");
      let left = 3000;
      const next = () => { if (left-- > 0) connect({ host: "${WORLD.v4}", port: 80 }).on("error", () => undefined).on("close", next).end("GET / HTTP/1.1\\r\\n\\r\\n").resume(); };
      for (let each = 0; each < 600; each += 1) next();`;
    const linesBefore = gateway.output().split("\n").length;
    await outputIn(network.pod, AGENT, process.execPath, "-e", flooding);
    assert.ok(gateway.output().split("\n").length - linesBefore < 60);
    assert.equal(await health("/readyz"), "200 ok\n");
    const bytes = residentBytes(gateway.pid);
    t.diagnostic(`figure gateway.rss_after_flood_mb=${(bytes / 1e6).toFixed(0)}`);
    // What the chart gives it.
    assert.ok(bytes < 256 * 1024 * 1024);
  });

  test("a signal opens no debugger (T20)", async () => {
    gateway.kill("SIGUSR1");
    assert.equal(await health("/livez"), "200 ok\n");
    assert.doesNotMatch(gateway.output(), /Debugger listening/);
    const listening = await outputIn(network.pod, undefined, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6");
    assert.doesNotMatch(listening, new RegExp(`:${(9229).toString(16).toUpperCase()} `));
  });

  test("told to stop it ends by itself, and connections are then refused by the kernel", async () => {
    const silent = `
      const client = require("node:net").connect({ host: "${WORLD.v4}", port: 443 });
      client.on("connect", () => console.log("connected")).on("error", ({ code }) => console.log(code));`;
    await using agent = await startIn(network.pod, AGENT, [process.execPath, "-e", silent]);
    await agent.line(/^connected$/m);
    gateway.kill("SIGTERM");
    // Whoever says nothing does not hold it up.
    await agent.line(/^ECONNRESET$/m);
    assert.deepEqual(await gateway.exited, { code: 0, signal: null });
    assert.match(gateway.output(), /"message":"stopped"/);
    const one: Attempt = { protocol: "tcp", host: WORLD.v4, port: 443 };
    assert.equal((await attemptOne(network.pod, one)).outcome, "ECONNREFUSED");
  });

  test("started again in the same pod it takes up where it was", async () => {
    await using again = start();
    await again.line(READY);
    assert.equal(await health("/readyz"), "200 ok\n");
  });

  test("it does not start with half of what it has to be told, and says all that is missing", async () => {
    await using wrong = start({
      ...ENVIRONMENT,
      POD_UID: "",
      GW_BROKER: "broker",
      GW_RESOLVERS: "10.0.0.1,dns",
    });
    assert.equal((await wrong.exited).code, 78);
    for (const variable of ["POD_UID", "GW_BROKER", "GW_RESOLVERS"])
      assert.match(wrong.output(), new RegExp(`"message":"${variable} must be`));
    assert.doesNotMatch(wrong.output(), /NODE_NAME must/);
  });
});

/** Prints status and body, or why there are none. */
function fetching(url: string): string {
  return `fetch("${url}").then(async (r) => process.stdout.write(r.status + " " + await r.text()), (e) => console.log(e.cause.message))`;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

function missing(program: string): string | false {
  const found = (process.env["PATH"] ?? "").split(":").some((folder) => {
    try {
      return readFileSync(join(folder, program)).length > 0;
    } catch {
      return false;
    }
  });
  return found ? false : `${program} is not installed`;
}
