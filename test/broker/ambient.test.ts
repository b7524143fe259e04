import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { takingEnvironment } from "#broker/environment.ts";
import { type AmbientSettings, ambientIdentity } from "#broker/identity/ambient/index.ts";
import { httpGet } from "#broker/identity/http.ts";
import type { NoteFields } from "#broker/note.ts";
import { type Issuer, startIssuer } from "#tools/oidc/issuer.ts";
import {
  AUDIENCE,
  type Clock,
  accepted,
  clock,
  providerOf,
  refused,
  verifierFor,
} from "./support/identity.ts";

async function folder(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sallyport-ambient-"));
  context.after(() => rm(path, { recursive: true }));
  return path;
}

async function issuerFor(context: TestContext): Promise<Issuer> {
  const issuer = await startIssuer();
  context.after(() => issuer.stop());
  return issuer;
}

function ambient(
  settings: AmbientSettings,
  {
    issuer,
    time = clock(),
    variables = {},
  }: { issuer: Issuer; time?: Clock; variables?: Record<string, string> },
) {
  const notes: NoteFields[] = [];
  const identity = ambientIdentity("main", settings, {
    verifier: verifierFor([providerOf(issuer)], time),
    environment: takingEnvironment(variables),
    get: httpGet,
    now: time.now,
    note: (_name, fields) => notes.push(fields),
  });
  return { identity, notes, variables };
}

test("a token file is read as it is now, without the white space around the token", async (context) => {
  const issuer = await issuerFor(context);
  const path = join(await folder(context), "token");
  const { identity, notes } = ambient({ from: "file", path }, { issuer });
  assert.equal(refused(await identity.current(), Buffer.from("x")).code, "IDENTITY_MISSING");
  assert.match(String(notes[0]?.["cause"]), /ENOENT/);
  await writeFile(path, `\n ${await issuer.issue("agent", AUDIENCE)}\r\n`);
  assert.equal(accepted(await identity.current()).identity.oidc?.claims["sub"], "agent");
  await writeFile(path, await issuer.issue("reporter", AUDIENCE));
  assert.equal(accepted(await identity.current()).identity.oidc?.claims["sub"], "reporter");
  await writeFile(path, await issuer.issue("reporter", "urn:elsewhere"));
  assert.equal(refused(await identity.current(), Buffer.from("x")).code, "IDENTITY_INVALID");
  await writeFile(path, "x".repeat(100_000));
  assert.equal(refused(await identity.current(), Buffer.from("x")).code, "IDENTITY_INVALID");
  assert.equal(
    refused(await ambient({ from: "file", path: "/dev" }, { issuer }).identity.current(), Buffer.from("x"))
      .code,
    "IDENTITY_MISSING",
  );
});

test("a variable's token serves until it expires, and leaves the environment", async (context) => {
  const issuer = await issuerFor(context);
  const time = clock();
  const variables = { GATEWAY_TOKEN: await issuer.issue("agent", AUDIENCE) };
  const { identity } = ambient({ from: "variable", name: "GATEWAY_TOKEN" }, { issuer, time, variables });
  accepted(await identity.current());
  assert.deepEqual(variables, {});
  accepted(await identity.current());
  time.ms += 400_000;
  assert.equal(refused(await identity.current(), Buffer.from("x")).code, "IDENTITY_EXPIRED");
  const absent = ambient({ from: "variable", name: "constructor" }, { issuer });
  assert.equal(refused(await absent.identity.current(), Buffer.from("x")).code, "IDENTITY_MISSING");
});

/** GitHub's half: hands out a token of the real issuer to whoever brings the job's bearer. */
async function githubFor(context: TestContext, issuer: Issuer) {
  const seen: { asked: number; audience: string | null; down: boolean } = {
    asked: 0,
    audience: null,
    down: false,
  };
  const server = createServer((request, response) => {
    seen.asked += 1;
    const url = new URL(request.url ?? "", "http://x");
    seen.audience = url.searchParams.get("audience");
    if (seen.down || request.headers.authorization !== "Bearer job-bearer-1") {
      response.writeHead(seen.down ? 503 : 401).end();
      return;
    }
    void issuer
      .issue("agent", seen.audience ?? "")
      .then((value) => response.end(JSON.stringify({ count: 1, value })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?api-version=2.0`;
  return {
    seen,
    variables: { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "job-bearer-1" },
  };
}

test("GitHub's token is fetched once for many, in time, and outlives a short outage", async (context) => {
  const issuer = await issuerFor(context);
  const { seen, variables } = await githubFor(context, issuer);
  const time = clock();
  const { identity, notes } = ambient({ from: "github", audience: AUDIENCE }, { issuer, time, variables });
  const answers = await Promise.all(Array.from({ length: 10 }, () => identity.current()));
  for (const answer of answers) accepted(answer);
  assert.equal(seen.asked, 1);
  assert.equal(seen.audience, AUDIENCE);
  assert.deepEqual(variables, {});
  time.ms += 190_000;
  accepted(await identity.current());
  assert.equal(seen.asked, 1);
  time.ms += 20_000;
  seen.down = true;
  accepted(await identity.current());
  assert.equal(seen.asked, 2);
  assert.match(String(notes[0]?.["cause"]), /status 503/);
  time.ms += 100_000;
  assert.equal(refused(await identity.current(), Buffer.from("x")).code, "IDENTITY_MISSING");
  seen.down = false;
  time.ms = Date.now();
  accepted(await identity.current());
  assert.doesNotMatch(JSON.stringify(notes), /job-bearer|api-version/);
});

test("GitHub's address goes nowhere in the clear, and its absence says what the job lacks", async (context) => {
  const issuer = await issuerFor(context);
  const without = ambient({ from: "github", audience: AUDIENCE }, { issuer });
  refused(await without.identity.current(), Buffer.from("x"));
  assert.match(String(without.notes[0]?.["cause"]), /id-token: write/);
  const variables = {
    ACTIONS_ID_TOKEN_REQUEST_URL: "http://issuer.example/",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "b",
  };
  const clear = ambient({ from: "github", audience: AUDIENCE }, { issuer, variables });
  refused(await clear.identity.current(), Buffer.from("x"));
  assert.match(String(clear.notes[0]?.["cause"]), /no https address/);
  const { variables: good } = await githubFor(context, issuer);
  const wrong = ambient(
    { from: "github", audience: AUDIENCE },
    { issuer, variables: { ...good, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "other" } },
  );
  refused(await wrong.identity.current(), Buffer.from("x"));
  assert.match(String(wrong.notes[0]?.["cause"]), /status 401/);
});
