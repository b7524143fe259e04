/** What we take a request for is what the API server's own code takes it for; where we are not sure we say so, and no rule permits it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { readRequest } from "#core/policy/protocols/kubernetes/read-request.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const RUNS = fuzzRuns(20_000);
const GO_MS_MAX = 10 * 60_000;
const BYTES_MAX = 64 * 1024 * 1024;

interface RequestInfo {
  readonly IsResourceRequest: boolean;
  readonly Path: string;
  readonly Verb: string;
  readonly APIGroup: string;
  readonly Namespace: string;
  readonly Resource: string;
  readonly Subresource: string;
  readonly Name: string;
  readonly Error?: string;
}

const methods = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD");
const starts = fc.constantFrom(
  "/api/v1",
  "/apis/apps/v1",
  "/apis/batch/v1",
  "/api",
  "/apis",
  "",
  "/healthz",
  "/v1",
);
const words = fc.constantFrom(
  ..."namespaces pods web shop log exec proxy watch status finalize portforward token serviceaccounts a:b %77eb * %2e %2F a%2Fb .. . a%20b".split(
    " ",
  ),
  "",
);
const queries = fc.constantFrom(
  "",
  "?watch=true",
  "?watch=false",
  "?watch=0",
  "?watch=",
  "?watch",
  "?Watch=1",
  "?watch=1&watch=0",
  "?fieldSelector=metadata.name%3Dweb",
  "?fieldSelector=metadata.name=web,spec.x=y",
  "?fieldSelector=metadata.name!%3Dweb",
  "?fieldSelector=metadata.name%3D%3Dweb&watch=1",
  "?fieldSelector=metadata.name%3Da%2Fb",
  "?limit=500&resourceVersion=0",
  "?watch=1;x=2",
);
const requests = fc.tuple(
  methods,
  fc
    .tuple(starts, fc.array(words, { maxLength: 7 }), queries)
    .map(([start, rest, query]) => `${[start, ...rest].join("/") || "/"}${query}`),
);

test("the API server reads as we read", (context) => {
  const asked = fc.sample(requests, { numRuns: RUNS, ...fuzzSeed() });
  const folder = join(import.meta.dirname, "../../tools/kubernetes");
  const answered = spawnSync("go", ["run", join(import.meta.dirname, "request-info.go")], {
    cwd: folder,
    input: asked.map((one) => JSON.stringify(one)).join("\n"),
    encoding: "utf8",
    timeout: GO_MS_MAX,
    maxBuffer: BYTES_MAX,
  });
  assert.equal(answered.status, 0, answered.stderr);
  const infos = answered.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RequestInfo);
  assert.equal(infos.length, asked.length);
  let sure = 0;
  for (const [at, [method, target]] of asked.entries()) {
    const [act] = readRequest(method, target).acts;
    const info = infos[at];
    if (act === undefined || info === undefined || act.kind === "doubt") continue;
    sure += 1;
    assert.deepEqual(ours(act), theirs(info, method), `${method} ${target}`);
  }
  context.diagnostic(`figure kubernetes.requests_compared=${sure}`);
  assert.ok(sure > RUNS / 10);
});

const STREAMS = new Set(["exec", "attach", "portforward", "proxy"]);

function ours(act: ReturnType<typeof readRequest>["acts"][number]): object {
  if (act.kind === "path") return { path: act.path };
  if (act.kind !== "resource") return act;
  const { verb, group, resource, subresource = "", namespace = "", name = "" } = act;
  return { verb, group, resource, subresource, namespace, name };
}

/** In our words: streams are create by whichever method, and a path's end says nothing. */
function theirs(info: RequestInfo, method: string): object {
  assert.equal(info.Error, undefined, method);
  if (!info.IsResourceRequest)
    return {
      path: `/${info.Path.split("/")
        .filter((part) => part !== "")
        .join("/")}`,
    };
  const verb = STREAMS.has(info.Subresource) ? "create" : info.Verb;
  return {
    verb,
    group: info.APIGroup,
    resource: info.Resource,
    subresource: info.Subresource,
    namespace: info.Namespace,
    name: info.Name,
  };
}
