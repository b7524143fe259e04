import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { parseSettings, readSettings } from "#operator/config/read.ts";
import { ROOT } from "#test/architecture/sources.ts";
import { freePorts } from "#tools/cluster/ports.ts";
import { compiledSources } from "#tools/world/compiled.ts";
import { operatorConfig } from "./support/config.ts";
import { until } from "./support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-operator-"));
after(() => rmSync(folder, { recursive: true }));

function start(words: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, "operator/main.ts"), ...words], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...compiledSources() },
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, ended, said: text(child.stderr) };
}

function configFile(change: (config: Record<string, unknown>) => unknown = (config) => config): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, JSON.stringify(change(operatorConfig())));
  return path;
}

test("a configuration that is not understood is told of, problem by problem, and nothing is started", async () => {
  const path = configFile(({ webhook, ...config }) => ({ ...config, wehbook: webhook, drainSeconds: "5" }));
  const { ended, said } = start(["--config", path]);
  assert.equal(await ended, 78);
  const lines = (await said).trim().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replace(`operator: ${path}: `, "")),
    [
      'wehbook: there is no such field; did you mean "webhook"?',
      "webhook: is missing",
      "drainSeconds: expected a whole number from 0 to 300",
    ],
  );
  for (const words of [[], ["--confg", path], ["--config"]]) {
    const wrong = start(words);
    assert.equal(await wrong.ended, 64);
    assert.match(await wrong.said, /--config/);
  }
});

test("each field of the configuration has its own words", () => {
  const config = operatorConfig();
  assert.ok("namespace" in parseSettings(JSON.stringify(config)));
  const changed = (path: readonly string[], value: unknown): unknown => {
    const copy = structuredClone(config);
    let at = copy;
    for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
    at[path.at(-1) ?? ""] = value;
    return copy;
  };
  for (const [path, value, problem] of [
    [["namespace"], "Sallyport", "namespace: expected a name of lower-case letters, digits, - and ."],
    [["webhook", "names"], [], "webhook.names: expected a list of 1 to 32"],
    [["webhook", "listen", "port"], 65_536, "webhook.listen.port: expected a whole number from 0 to 65535"],
    [
      ["webhook", "configurations", "0", "webhooks", "0", "failurePolicy"],
      "Ignore",
      "webhook.configurations[0].webhooks[0].failurePolicy: expected Fail",
    ],
    [
      ["webhook", "configurations", "0", "webhooks", "0", "clientConfig"],
      { caBundle: "AAAA" },
      "webhook.configurations[0].webhooks[0].clientConfig.caBundle: leave it out; the operator fills it in",
    ],
    [
      ["webhook", "configurations", "1", "kind"],
      "Secret",
      "webhook.configurations[1].kind: expected one of MutatingWebhookConfiguration, ValidatingWebhookConfiguration",
    ],
    [["injection", "rootless"], "yes", "injection.rootless: expected one of deny, force, rootNoCaps"],
    [["injection", "resolvers"], ["dns.example.com"], "injection.resolvers[0]: expected an IP address"],
    [["injection", "broker"], "broker", "injection.broker: expected host:port"],
    [
      ["injection", "resources", "init"],
      { limit: {} },
      'injection.resources.init.limit: there is no such field; did you mean "limits"?',
    ],
    [["networkPolicy", "enabled"], "true", "networkPolicy.enabled: expected true or false"],
    [
      ["networkPolicy", "metricsFromNamespaces"],
      { name: "not a value" },
      "networkPolicy.metricsFromNamespaces.name: expected the value of a label",
    ],
  ] as const)
    assert.deepEqual(parseSettings(JSON.stringify(changed(path, value))), [problem]);
  assert.match((parseSettings("{") as readonly string[]).join(), /^not JSON: /);
  assert.deepEqual(parseSettings("[]"), ["the document: expected an object"]);
  assert.match((readSettings(join(folder, "absent.json")) as readonly string[]).join(), /ENOENT/);
});

test("without an API server it lives, is not ready and says why, and ends when told", async () => {
  const [port = 0, nowhere = 0] = await freePorts(2);
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: `https://127.0.0.1:${nowhere}` } }],
      users: [{ name: "u", user: { token: "t" } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const path = configFile((config) => ({ ...config, observability: { host: "127.0.0.1", port } }));
  const { child, ended, said } = start(["--config", path, "--kubeconfig", kubeconfig]);
  const page = (name: string) => fetch(`http://127.0.0.1:${port}/${name}`);
  await until("it lives", async () =>
    (await page("livez").catch(() => undefined))?.status === 200 ? true : undefined,
  );
  const ready = await page("readyz");
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /namespaces have not been read.*no certificate.*not answered yet/s);
  assert.match(await (await page("metrics")).text(), /sallyport_watch_connected\{store="namespaces"\} 0/);
  child.kill("SIGTERM");
  assert.equal(await ended, 0);
  const lines = (await said)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { message: string });
  assert.equal(lines.at(-1)?.message, "stopped");
});
