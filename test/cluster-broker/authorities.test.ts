/** Certificate authorities go on to gateways: of what a Secret or ConfigMap holds, nothing but certificates may. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificatesIn, readAuthorities } from "#operator/broker/authorities.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { openLog } from "#runtime/log.ts";
import { makeAuthority } from "#runtime/certificate/make.ts";

const { certificatePem, keyPem } = makeAuthority("test", Date.now(), 60_000);
const log = openLog({ write: () => undefined, nowMs: Date.now, level: "error" });

test("a key beside a certificate stays where it is, and what is no certificate is none", () => {
  assert.equal(certificatesIn(`notes\n${keyPem}${certificatePem}password`), certificatePem);
  assert.equal(certificatesIn(certificatePem + certificatePem), certificatePem + certificatePem);
  for (const text of ["", keyPem, "a-password", certificatePem.replace(/[A-Za-z0-9]{60}/, "A".repeat(60))])
    assert.equal(certificatesIn(text), undefined);
  assert.equal(certificatesIn(certificatePem.repeat(257)), undefined);
});

test("they are read where the kind says, and never from the broker's host", async () => {
  const read: string[] = [];
  const kube = {
    get: async ({ kind }: { kind: string }, key: string) => {
      read.push(`${kind} ${key}`);
      return kind === "Secret"
        ? { data: { "ca.crt": Buffer.from(keyPem + certificatePem).toString("base64") } }
        : { data: { "ca.crt": certificatePem } };
    },
  };
  const connection = (name: string, ca: object): Connection => ({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { namespace: "shop", name },
    spec: {
      protocol: "tcp",
      address: { host: "db", port: 1 },
      tls: { ca },
      credential: { mode: "none" },
    },
  });
  const loaded: Loaded = {
    connections: [
      connection("a", { secret: { name: "s", key: "ca.crt" } }),
      connection("b", { configMap: { name: "c", key: "ca.crt" } }),
      connection("c", { configMap: { name: "c", key: "__proto__" } }),
      connection("d", { file: "/etc/passwd" }),
    ],
    policies: [],
    identityProviders: [],
    workloadControllers: [],
    tests: [],
    gateways: [],
    diagnostics: [],
  };
  const options = { kube: kube as never, systemNamespace: "system", log };
  const found = await readAuthorities(loaded, options, { signal: new AbortController().signal });
  assert.deepEqual(
    [...found],
    [
      ["Secret shop/s, key ca.crt", certificatePem],
      ["ConfigMap shop/c, key ca.crt", certificatePem],
    ],
  );
  assert.deepEqual(new Set(read), new Set(["Secret shop/s", "ConfigMap shop/c"]));
});
