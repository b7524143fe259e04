/** A pod at work: clients as ever, without a password, through capture, names, gateway and broker to a real server. */
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { WORLD, captureProblem } from "#test/capture/support/network.ts";
import { leaving } from "#test/capture/support/attempts.ts";
import { until } from "#test/gateway/support/in-process.ts";
import { UPSTREAM_PASSWORD, connection, policy } from "#test/gateway/support/kinds.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { drivers } from "./support/drivers.ts";
import { type Pod, type Said, UPSTREAM_NAME, openPod } from "./support/pod.ts";

const READ = "select id, email from people order by id limit 2";
const MASKED = "1|***\n2|***\n";

describe("a pod", { skip: captureProblem() ?? skipWithoutPostgres(18) }, () => {
  let pod: Pod;
  before(async () => {
    pod = await openPod();
    await pod.startBroker();
    await pod.startGateway();
  });
  after(() => pod?.[Symbol.asyncDispose]());

  const psql = (host: string, text = READ, more: Readonly<Record<string, string>> = {}): Promise<Said> =>
    pod.agent(["psql", "--no-psqlrc", "-At", "-h", host, "-c", text], {
      PGUSER: "agent",
      PGDATABASE: "postgres",
      ...more,
    });
  const curl = async (path: string, ...words: readonly string[]): Promise<string> =>
    (await pod.agent(["curl", "--silent", ...words, `http://sallyport.internal${path}`])).stdout;
  const about = async (): Promise<Record<string, unknown>> =>
    JSON.parse(await curl("/", "--header", "Accept: application/json")) as Record<string, unknown>;
  const works = async (asked: Promise<Said>): Promise<void> => {
    const { stdout, stderr } = await asked;
    assert.deepEqual({ stdout, stderr }, { stdout: MASKED, stderr: "" });
  };
  const refused = async (asked: Promise<Said>, code: string): Promise<string> => {
    const { code: status, stdout, stderr } = await asked;
    assert.notEqual(status, 0);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`Refused by the gateway: ${code}\\b`));
    return stderr;
  };

  test("psql works without a password, by every way to write its name, and what is masked is masked", async () => {
    for (const host of ["orders", "orders.shop", "orders.shop.svc.cluster.local", UPSTREAM_NAME])
      await works(psql(host));
    await works(psql(WORLD.v6, READ, { PGPORT: "6432" }));
  });

  test("policy holds: what it does not allow is refused, and is not done", async () => {
    const told = await pod.agent(["psql", "--no-psqlrc", "-At", "-h", "orders", "-c", "drop table people"], {
      PGUSER: "agent",
      PGDATABASE: "postgres",
    });
    assert.match(told.stderr, /DENY_NO_RULE/);
    await works(psql("orders"));
  });

  test("hosts of the pod do not lead the gateway anywhere (T18)", async () => {
    // Whoever asks as programs do is led astray in the gateway's container.
    assert.match(await pod.poisoned(["getent", "ahostsv4", UPSTREAM_NAME]), /^203\.0\.113\.66 /);
    await works(psql("orders"));
    await pod.outside.line(new RegExp(`^asked ${UPSTREAM_NAME.replaceAll(".", "\\.")}$`, "m"));
  });

  test("everything else is refused, in words, on record and in the metrics, and nothing of it leaves", async () => {
    const { world, pod: place } = pod.network;
    const left = await leaving({ world, place, device: "pod1" }, async () => {
      const told = await refused(psql(WORLD.v4), "DESTINATION_UNKNOWN");
      assert.match(told, /reached at 203\.0\.113\.7:5432 \(refusal [0-9a-f]{8}\)/);
      assert.match(told, /HINT: .*http:\/\/sallyport\.internal\//);
      await refused(psql("orders", READ, { PGPORT: "80" }), "DESTINATION_UNKNOWN");
      // Who insists on TLS is told no less.
      await refused(
        psql("orders", READ, {
          PGPORT: "81",
          PGSSLMODE: "verify-full",
          PGSSLROOTCERT: join(pod.paths.ca, "ca.pem"),
        }),
        "DESTINATION_UNKNOWN",
      );
      assert.match((await psql("billing.shop")).stderr, /could not translate host name/);
    });
    assert.deepEqual(
      left.filter((line) => line.startsWith("6 ")),
      [],
    );
    await until(async () => (await pod.events()).some(({ kind }) => kind === "destination.refused"));
    const events = (await pod.events()).filter(({ kind }) => kind === "destination.refused");
    for (const { code, pod: who } of events)
      assert.deepEqual([code, who], ["DESTINATION_UNKNOWN", "shop/agent-1"]);
    // Each time twice where a client that merely prefers TLS tries again without.
    assert.deepEqual(
      [...new Set(events.map(({ destination }) => destination))],
      ["203.0.113.7:5432", "orders.shop:80", "orders.shop:81"],
    );
    assert.match(
      await pod.metrics(),
      /^sallyport_captured_total\{code="DESTINATION_UNKNOWN",spoken="postgres",how="told"\} [3-9]$/m,
    );
  });

  test("a client that insists on TLS is shown a certificate for the name it asked for", async () => {
    const verified = { PGSSLMODE: "verify-full", PGSSLROOTCERT: join(pod.paths.ca, "ca.pem") };
    for (const host of ["orders", "orders.shop", "orders.shop.svc.cluster.local", UPSTREAM_NAME])
      await works(psql(host, READ, verified));
    await works(psql(WORLD.v6, READ, { ...verified, PGPORT: "6432" }));
    await works(psql("orders", READ, { PGSSLMODE: "require" }));
    await works(psql("orders", READ, { ...verified, PGSSLNEGOTIATION: "direct" }));
    // Believed in this pod alone.
    const foreign = await psql("orders", READ, {
      PGSSLMODE: "verify-full",
      PGSSLROOTCERT: "/etc/ssl/certs/ca-certificates.crt",
    });
    assert.match(foreign.stderr, /certificate verify failed/);
  });

  test("the authority's key is the gateway's, its certificate everybody's", () => {
    assert.equal(statSync(join(pod.paths.state, "authority.json")).mode & 0o777, 0o600);
    const bundle = join(pod.paths.ca, "ca.pem");
    assert.equal(statSync(bundle).mode & 0o777, 0o644);
    assert.doesNotMatch(readFileSync(bundle, "utf8"), /PRIVATE/);
    assert.ok(statSync(bundle).size < 512 * 1024);
  });

  for (const driver of drivers)
    test(`${driver.name} works without a password, with TLS and without`, {
      skip: driver.missing ?? false,
    }, async () => {
      for (const mode of driver.modes) {
        const { stdout, stderr } = await pod.agent(driver.command("orders.shop", mode), {
          PGSSLMODE: mode,
          PGSSLROOTCERT: join(pod.paths.ca, "ca.pem"),
        });
        assert.equal(stdout.trim(), "***", `${mode}: ${stderr}`);
      }
    });

  test("a limit: who demands channel binding cannot be served, since no password is asked for", async () => {
    const { stderr } = await psql("orders", READ, { PGCHANNELBINDING: "require", PGSSLMODE: "require" });
    assert.match(stderr, /channel binding required/);
    await works(psql("orders", READ, { PGCHANNELBINDING: "prefer", PGSSLMODE: "require" }));
  });

  test("the agent is told who it is, what it may and why it was refused, and nothing of others", async () => {
    const told = await about();
    assert.equal(told["pod"], "shop/agent-1");
    assert.match(String(told["identity"]), /a token of test for agent/);
    assert.deepEqual(told["connections"], [
      {
        connection: "shop/orders",
        protocol: "postgres",
        reachedAs: [`${UPSTREAM_NAME}:5432`, "orders.shop.svc:5432", `[${WORLD.v6}]:6432`],
        sessions: "allow",
        rules: [
          {
            policy: "SecretAccessPolicy shop/agents",
            allow: [
              { name: "read", postgres: { preset: "readOnly", tables: ["public.people"] }, delegate: "no" },
            ],
            mask: [{ postgres: { columns: ["public.people.email"] }, action: "redact" }],
          },
        ],
        limits: {},
      },
    ]);
    // The broker hears of it too, for those who keep the pod.
    const status = () => pod.broker().status().workers[0]?.report?.refused ?? [];
    await until(() =>
      status().some(({ about: what, code }) => what === "203.0.113.7:5432" && code === "DESTINATION_UNKNOWN"),
    );
    const refusals = told["refusals"] as readonly {
      id: string;
      code: string;
      about: string;
      count: number;
    }[];
    const unknown = refusals.find(({ about: what }) => what === "203.0.113.7:5432");
    assert.equal(unknown?.code, "DESTINATION_UNKNOWN");
    assert.ok(
      refusals.some(({ code, about: what }) => code === "DENY_NO_RULE" && what === "connection shop/orders"),
    );
    assert.match(await curl(`/refusals/${unknown?.id}`), /^code: DESTINATION_UNKNOWN$/m);
    assert.match(await curl("/codes/DENY_NO_RULE"), /^meaning: no rule allows this$/m);
    assert.match(await curl("/codes/constructor"), /^error: /);
    // Not of whom else, not where the credential is, not the other way in.
    const all = JSON.stringify(told);
    for (const secret of [UPSTREAM_PASSWORD, "subjects", pod.folders.root, "orders_agent"])
      assert.ok(!all.includes(secret), secret);
    const posted = await pod.agent([
      "curl",
      "-s",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      "-d",
      "x",
      "http://sallyport.internal/",
    ]);
    assert.equal(posted.stdout, "405");
  });

  test("connections that are made later work in pods that run, and those at one address are told apart by name", async () => {
    assert.match((await psql("later")).stderr, /could not translate host name/);
    const passwordFile = join(pod.folders.root, "password");
    const at = (name: string) => {
      const made = connection(5432, passwordFile, {
        address: { host: UPSTREAM_NAME, port: 5432 },
        reachedAs: [{ host: name }],
      }) as { metadata: object };
      return { ...made, metadata: { namespace: "shop", name } };
    };
    pod.folders.write("more.yaml", at("later"), at("closed"));
    const allow = [{ name: "read", postgres: { preset: "readOnly", tables: ["public.people"] } }];
    pod.folders.write("policies-more.yaml", policy({ connections: { names: ["later"] }, allow }, "later"));
    await until(async () => (await psql("later")).code === 0);
    assert.equal((await psql("later")).stdout, "1|person1@example.com\n2|person2@example.com\n");
    await refused(psql("closed"), "DENY_NO_POLICY");
    await works(psql("orders"));
    // By the upstream's own name all three would be meant.
    const told = await refused(psql(UPSTREAM_NAME), "DESTINATION_AMBIGUOUS");
    assert.match(told, /shop\/closed, shop\/later, shop\/orders/);
    pod.folders.remove("more.yaml");
    pod.folders.remove("policies-more.yaml");
    await until(async () => /could not translate/.test((await psql("later")).stderr));
  });

  test("without its broker it opens nothing and says so; with it again it goes on", async () => {
    await pod.stopBroker();
    await refused(psql("orders"), "BROKER_UNREACHABLE");
    await pod.startBroker();
    await until(async () => (await psql("orders")).code === 0);
  });

  test("a gateway that is started again has the same addresses and the same authority", async () => {
    const asking = `
      const resolver = new (require("node:dns").promises.Resolver)();
      resolver.setServers(["${WORLD.resolver}"]);
      const name = "orders.shop.svc.cluster.local";
      Promise.all([resolver.resolve4(name), resolver.resolve6(name)]).then(([v4, v6]) => console.log(...v4, ...v6));`;
    const look = async () => (await pod.agent([process.execPath, "-e", asking])).stdout;
    // A fresh link carries a moment after it is up, and only then does the pod have IPv6.
    let before = "";
    await until(async () => (before = await look()) !== "");
    assert.match(before, /^198\.1[89]\.[\d.]+ 2001:2:0:5a11:[\w:]+\n$/);
    const bundle = readFileSync(join(pod.paths.ca, "ca.pem"), "utf8");
    pod.gateway().kill("SIGKILL");
    await pod.startGateway();
    assert.equal(await look(), before);
    assert.equal(readFileSync(join(pod.paths.ca, "ca.pem"), "utf8"), bundle);
    await works(
      psql("orders", READ, { PGSSLMODE: "verify-full", PGSSLROOTCERT: join(pod.paths.ca, "ca.pem") }),
    );
  });

  test("names are answered fast", async (t) => {
    const asking = `
      const resolver = new (require("node:dns").promises.Resolver)();
      resolver.setServers(["${WORLD.resolver}"]);
      (async () => {
        const took = [];
        for (let each = 0; each < 200; each += 1) {
          const from = performance.now();
          await resolver.resolve4("orders.shop.svc.cluster.local");
          took.push(performance.now() - from);
        }
        console.log(took.sort((one, other) => one - other)[100].toFixed(2));
      })();`;
    const { stdout, stderr } = await pod.agent([process.execPath, "-e", asking]);
    assert.equal(stderr, "");
    t.diagnostic(`figure pod.dns_p50_ms=${stdout.trim()}`);
  });

  test("clients that come before the plan wait for it", async () => {
    await pod.stopBroker();
    await pod.startGateway();
    const early = psql("orders");
    // Its own page does not wait, and says what is missing.
    assert.match(await curl("/"), /^connections:\n {2}unknown: BROKER_UNAVAILABLE$/m);
    await pod.startBroker();
    await works(early);
  });

  test("the upstream's password is nowhere in the gateway", async () => {
    const pid = pod.gateway().pid;
    const needle = Buffer.from(UPSTREAM_PASSWORD);
    assert.ok(!pod.gateway().output().includes(UPSTREAM_PASSWORD));
    assert.ok(!readFileSync(`/proc/${pid}/environ`).includes(needle));
    await using client = await pod.start([
      "psql",
      "--no-psqlrc",
      "-h",
      "orders",
      "-c",
      "select 1",
      "-c",
      "\\watch 0.2",
    ]);
    await client.line(/\(1 row\)/);
    // Looked for in the same way, what is there is found.
    const known = Buffer.from("sallyport_captured_total");
    assert.deepEqual(inMemory(pid, [needle, known]), [known]);
  });

  test("told to stop it lets sessions end, and ends", async () => {
    pod.gateway().kill("SIGTERM");
    assert.deepEqual(await pod.gateway().exited, { code: 0, signal: null });
  });
});

/** Which of them are anywhere that the process could write to. */
function inMemory(pid: number, needles: readonly Buffer[]): readonly Buffer[] {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  const ranges = [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)];
  assert.ok(ranges.length > 10);
  const found = new Set<Buffer>();
  const bytes = Buffer.alloc(PIECE_BYTES + Math.max(...needles.map(({ length }) => length)));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  for (const [, from = "", to = ""] of ranges) {
    const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    for (const position of piecesOf(start, end)) {
      const piece = bytes.subarray(0, Math.min(bytes.length, end - position));
      const read = piece.subarray(0, readUnlessReserved(memory, piece, position));
      for (const needle of needles) if (read.includes(needle)) found.add(needle);
    }
  }
  closeSync(memory);
  return needles.filter((needle) => found.has(needle));
}

const PIECE_BYTES = 1024 * 1024;

const piecesOf = (start: number, end: number): readonly number[] =>
  Array.from({ length: Math.ceil((end - start) / PIECE_BYTES) }, (_, at) => start + at * PIECE_BYTES);

/** What is mapped and has nothing behind it cannot be read. */
function readUnlessReserved(memory: number, bytes: Buffer, position: number): number {
  try {
    return readSync(memory, bytes, { position });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EIO") return 0;
    throw error;
  }
}
