/** What the operator puts into pods and what the gateway does there speak of the same files. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SecureContext, TLSSocket, connect, rootCertificates } from "node:tls";
import { test } from "node:test";
import { TRUST_VARIABLES, withTrust, withoutTrust } from "#operator/admission/pod/trust.ts";
import { CA_FILE, PATHS as OPERATOR_PATHS } from "#operator/names.ts";
import { type AuthorityOptions, BUNDLE_FILE, openAuthority } from "#sidecar/pod/authority.ts";
import { PATHS } from "#sidecar/pod/paths.ts";
import { writeServiceAccount } from "#sidecar/pod/service-account.ts";
import { NO_TOKEN } from "#sidecar/protocols/kubernetes/marker.ts";
import { replicasOf } from "#sidecar/pod/uplink.ts";
import { textOf } from "#test/architecture/sources.ts";

const DAY_MS = 24 * 60 * 60_000;

test("operator and gateway mean the same folders and the same file", () => {
  assert.deepEqual({ ...PATHS }, { ...OPERATOR_PATHS });
  assert.equal(join(PATHS.ca, BUNDLE_FILE), CA_FILE);
});

test("clients of Kubernetes find what they look for, and a token that is none", () => {
  using held = folders();
  const { certificatePem } = openAuthority(held.options);
  writeServiceAccount(held.options.bundleFolder, { namespace: "shop" }, { certificatePem });
  const read = (name: string): string => readFileSync(join(held.options.bundleFolder, name), "utf8");
  assert.equal(read("namespace"), "shop");
  assert.ok(new X509Certificate(read("ca.crt")).ca);
  assert.doesNotMatch(
    read("ca.crt"),
    /END CERTIFICATE-----\n-----BEGIN/,
    "public roots are not the API server's",
  );
  assert.equal(read("token"), NO_TOKEN);
  // No part of it could be taken for one.
  assert.doesNotMatch(NO_TOKEN, /^eyJ|\s/);
  assert.ok(read(BUNDLE_FILE).startsWith(read("ca.crt")));
});

test("replicas of the broker are named by the service that the chart has for them", () => {
  assert.equal(
    replicasOf("sallyport-broker.sallyport-system.svc"),
    "sallyport-broker-replicas.sallyport-system.svc.cluster.local",
  );
  assert.equal(replicasOf("10.0.0.1"), "10.0.0.1");
  const services = textOf("charts/sallyport/templates/broker/services.yaml");
  const [, found = ""] = /name: sallyport-broker-replicas\n([^]*)/.exec(services) ?? [];
  assert.match(found, /^ {2}clusterIP: None$/m);
});

test("variables are set where a container has none of that name, once, and can be taken out again", () => {
  const own = [
    { name: "PGSSLROOTCERT", value: "/etc/mine.pem" },
    { name: "SSL_CERT_FILE", valueFrom: { configMapKeyRef: { name: "trust", key: "file" } } },
  ];
  const env = withTrust(own);
  assert.deepEqual(env.slice(0, 2), own);
  assert.equal(env.length, TRUST_VARIABLES.length);
  assert.deepEqual(withTrust(env), env);
  assert.deepEqual(withoutTrust({ name: "agent", env }), { name: "agent", env: own });
  assert.deepEqual(withoutTrust({ name: "agent", env: withTrust([]) }), { name: "agent" });
  // The same name with another value is the author's.
  assert.deepEqual(withoutTrust({ name: "agent", env: own }).env, own);
});

test("the page lists every variable", () => {
  const page = textOf("docs/pod-shape.md");
  for (const name of TRUST_VARIABLES) assert.ok(page.includes(`\`${name}\``), name);
});

interface Held extends Disposable {
  readonly options: AuthorityOptions;
  readonly bundle: () => string;
}

function folders(nowMs: () => number = Date.now): Held {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-authority-"));
  return {
    options: {
      pod: { name: "agent-1", namespace: "shop" },
      stateFolder: folder,
      bundleFolder: folder,
      nowMs,
    },
    bundle: () => readFileSync(join(folder, BUNDLE_FILE), "utf8"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** The certificate that a client is shown who asks for that name and believes the bundle alone. */
async function shown(context: SecureContext, name: string, ca: string): Promise<X509Certificate> {
  const server = createServer((raw) => {
    new TLSSocket(raw, { isServer: true, secureContext: context }).on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: "127.0.0.1", port, servername: name, ca });
  try {
    await once(client, "secureConnect");
    const certificate = client.getPeerX509Certificate();
    assert.ok(certificate);
    return certificate;
  } finally {
    client.destroy();
    server.close();
  }
}

test("a certificate is for every spelling of one name, for no other, and believed by the bundle", async () => {
  using held = folders();
  const authority = openAuthority(held.options);
  const context = authority.contextFor("orders.shop");
  for (const name of ["orders", "orders.shop", "orders.shop.svc", "orders.shop.svc.cluster.local"])
    assert.equal((await shown(context, name, held.bundle())).checkHost(name), name);
  await assert.rejects(shown(context, "billing", held.bundle()), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  await assert.rejects(shown(context, "orders", rootCertificates.join("\n")), {
    code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  });
});

test("the bundle has the public roots, which relayed connections are believed by", () => {
  using held = folders();
  const authority = openAuthority(held.options);
  const found = held.bundle().match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? [];
  assert.equal(found.length, rootCertificates.length + 1);
  for (const pem of found) assert.ok(new X509Certificate(pem).ca);
  assert.equal(found[0], authority.certificatePem.trim());
});

test("one that is started again goes on with the same authority; another pod's is another", () => {
  using held = folders();
  using other = folders();
  const first = openAuthority(held.options).certificatePem;
  assert.equal(openAuthority(held.options).certificatePem, first);
  assert.notEqual(openAuthority(other.options).certificatePem, first);
});

test("certificates are made once a half-day for each name, and for a bounded number of names", () => {
  let now = Date.now();
  using held = folders(() => now);
  const authority = openAuthority(held.options);
  const first = authority.contextFor("orders.shop");
  assert.equal(authority.contextFor("orders.shop"), first);
  now += DAY_MS / 2;
  const second = authority.contextFor("orders.shop");
  assert.notEqual(second, first);
  for (let each = 0; each < 256; each += 1) authority.contextFor(`db-${each}.shop`);
  assert.notEqual(authority.contextFor("orders.shop"), second);
});
