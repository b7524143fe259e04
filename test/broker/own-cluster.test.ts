/** To whom tokens of the broker's own cluster may go, whatever the author of a Connection has written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type BrokerConfig, prepare } from "#broker/config.ts";
import { loadKinds } from "#core/api/load.ts";

const CLUSTER = "-----BEGIN CERTIFICATE-----\nthe cluster's own\n-----END CERTIFICATE-----\n";
const ELSEWHERE = "-----BEGIN CERTIFICATE-----\nsomebody's\n-----END CERTIFICATE-----\n";

function prepared(spec: object, more: Partial<BrokerConfig> = {}) {
  const connection = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { name: "cluster", namespace: "shop" },
    spec: { protocol: "kubernetes", kubernetes: {}, ...spec },
  };
  const loaded = loadKinds([{ path: "kinds", text: JSON.stringify(connection) }]);
  const config = { loaded, listeners: {}, authorities: new Map([["/ca.pem", ELSEWHERE]]), ...more };
  return prepare(config, []);
}

const minted = { mode: "minted", source: { kubernetesToken: {} } };
const address = { host: "evil.example.com", port: 443 };

test("they go to what the broker itself takes for the API server, by the name that every one has", () => {
  const [view] = prepared({ address, credential: minted }, { apiServerPem: CLUSTER }).push.connections;
  assert.deepEqual(view?.spec.tls, {
    mode: "verify-full",
    serverName: "kubernetes.default.svc",
    caPem: CLUSTER,
  });
});

test("and to nobody where the broker is in no cluster", () => {
  const { push, problems } = prepared({ address, credential: minted });
  assert.deepEqual(push.connections, []);
  assert.match(problems[0]?.why ?? "", /of the cluster that the broker is in, and it is in none/);
});

test("what another cluster's Connection says of its authority holds for it", () => {
  const credential = { mode: "static", source: { file: { path: "/token" } } };
  const tls = { ca: { file: "/ca.pem" } };
  const [view] = prepared({ address, credential, tls }, { apiServerPem: CLUSTER }).push.connections;
  assert.deepEqual(view?.spec.tls, { mode: "verify-full", caPem: ELSEWHERE });
});
