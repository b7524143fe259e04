import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, after, before, describe, test } from "node:test";
import { inspect } from "node:util";
import { openJournal } from "#broker/leases/journal.ts";
import type { NoteFields } from "#broker/note.ts";
import { type Sources, openSources, sourceNameOf } from "#broker/sources/index.ts";
import type { Credential, SourceName, Upstream } from "#broker/sources/source.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { takingEnvironment } from "#broker/environment.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { clock } from "./support/identity.ts";
import {
  type Database,
  MINTER_PASSWORD,
  Refused,
  forEver,
  mintedRoles,
  signIn,
  startDatabase,
  upstreamOf,
} from "./support/upstream.ts";

type Source = NonNullable<Connection["spec"]["credential"]["source"]>;

const READER_PASSWORD = "canary-reader-pässwort-08b1";

/** Per source: a reference that works, if this gateway can follow it, and references that cannot be followed. */
interface Example {
  readonly works: ((folder: string) => Source) | undefined;
  readonly fails: Readonly<
    Record<
      string,
      { readonly source: (folder: string) => Source; readonly field: RegExp; readonly cause?: RegExp }
    >
  >;
}

const minter = { user: "sallyport_minter", file: { path: "" } };

const examples = {
  file: {
    works: (folder) => ({ file: { path: secretFile(folder, "reader", READER_PASSWORD) } }),
    fails: {
      absent: {
        source: (folder) => ({ file: { path: join(folder, "none") } }),
        field: /source\.file/,
        cause: /ENOENT/,
      },
      readable: {
        source: (folder) => ({ file: { path: secretFile(folder, "readable", READER_PASSWORD, 0o640) } }),
        field: /source\.file/,
        cause: /others can read it \(mode 0640\)/,
      },
    },
  },
  env: {
    works: () => ({ env: { name: "READER_PASSWORD" } }),
    fails: {
      unset: { source: () => ({ env: { name: "NONE" } }), field: /source\.env/, cause: /NONE is not set/ },
      empty: {
        source: () => ({ env: { name: "EMPTY" } }),
        field: /source\.env/,
        cause: /EMPTY is not set, or empty/,
      },
    },
  },
  secret: {
    works: undefined,
    fails: {
      always: { source: () => ({ secret: { name: "orders", key: "password" } }), field: /source\.secret/ },
    },
  },
  postgresRole: {
    works: (folder) => ({
      postgresRole: {
        template: "orders_agent",
        minter: { ...minter, file: { path: join(folder, "minter") } },
      },
    }),
    fails: {
      "without its minter's password": {
        source: () => ({
          postgresRole: {
            template: "orders_agent",
            minter: { user: "sallyport_minter", env: { name: "NONE" } },
          },
        }),
        field: /postgresRole\.minter\.env/,
        cause: /NONE is not set/,
      },
      "with a wrong password": {
        source: (folder) => ({
          postgresRole: {
            template: "orders_agent",
            minter: { ...minter, file: { path: secretFile(folder, "wrong", "canary-wrong") } },
          },
        }),
        field: /postgresRole/,
        cause: /password authentication failed/,
      },
      "with a Secret": {
        source: () => ({
          postgresRole: {
            template: "orders_agent",
            minter: { user: "sallyport_minter", secret: { name: "m", key: "k" } },
          },
        }),
        field: /postgresRole\.minter\.secret/,
      },
    },
  },
  kubernetesToken: {
    works: undefined,
    fails: {
      "outside of a cluster": { source: () => ({ kubernetesToken: {} }), field: /source\.kubernetesToken/ },
    },
  },
} as const satisfies Record<SourceName, Example>;

function secretFile(folder: string, name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, `${text}\n`, { mode });
  return path;
}

describe("every source of credentials", { skip: skipWithoutPostgres(18) }, () => {
  let database: Database;
  before(async () => {
    database = await startDatabase(18);
    await database.root.query(`CREATE ROLE reader LOGIN PASSWORD '${READER_PASSWORD}'`);
  });
  after(() => database[Symbol.asyncDispose]());

  async function opened(context: TestContext): Promise<{ sources: Sources; notes: NoteFields[] }> {
    const notes: NoteFields[] = [];
    const note = (_name: string, fields: NoteFields) => void notes.push(fields);
    const journal = await openJournal({ directory: join(database.folder, "contract"), disk: realDisk, note });
    const environment = takingEnvironment({ READER_PASSWORD, EMPTY: "" });
    const sources = openSources({ environment, journal, broker: "b", now: clock().now, note, lingerMs: 0 });
    context.after(async () => {
      for (const source of Object.values(sources)) await source[Symbol.asyncDispose]();
      await journal[Symbol.asyncDispose]();
    });
    return { sources, notes };
  }

  for (const [name, { works, fails }] of Object.entries(examples) as [SourceName, Example][]) {
    if (works !== undefined) {
      test(`${name}: a credential signs in, and proves nothing once it has ended`, async (context) => {
        const { sources, notes } = await opened(context);
        const upstream = upstreamOf(database.server.port, works(database.folder));
        assert.equal(sourceNameOf(upstream.spec), name);
        assert.equal(sources[name].check(upstream), undefined);
        const credential = await lease(sources, name, upstream);
        using session = await signIn(upstream, credential);
        assert.deepEqual(await session.query("SELECT session_user AS u"), [{ u: credential.user }]);
        assert.ok(credential.validUntilMs > Date.now());
        assert.equal(await credential.extend(Date.now() + 1_000, forEver), undefined);
        const bad = {
          kind: "scram-sha-256",
          clientFirstBare: "n=,r=x",
          serverFirst: "r=x",
          channelBinding: Buffer.from("n,,"),
        } as const;
        const answer = await credential.prove(bad, forEver);
        assert.ok(isRefusal(answer) && answer.code === "UPSTREAM_PROTOCOL");
        const told = inspect([credential, sources, notes], { depth: 20, showHidden: true });
        credential.end("released");
        credential.end("revoked");
        await sources[name].settled();
        await assert.rejects(
          signIn(upstream, credential),
          (error) => error instanceof Refused && error.refusal.code === "LEASE_ENDED",
        );
        assert.ok(isRefusal((await credential.extend(0, forEver)) ?? {}));
        assert.doesNotMatch(told, /canary|SCRAM-SHA-256\$/);
        assert.deepEqual(await mintedRoles(database.root), []);
      });
    }
    for (const [what, { source, field, cause }] of Object.entries(fails)) {
      test(`${name}: ${what} is refused by the name of the field, and the log says why`, async (context) => {
        const { sources, notes } = await opened(context);
        const upstream = upstreamOf(database.server.port, source(database.folder));
        const answer = await sources[name].lease({ upstream, subject: "s", untilMs: 0 }, forEver);
        assert.ok(isRefusal(answer) && answer.code === "CREDENTIAL_UNAVAILABLE");
        assert.match(answer.publicText, field);
        if (cause !== undefined) assert.match(inspect(notes), cause);
        assert.doesNotMatch(inspect([answer, notes]), /canary/);
      });
    }
  }

  test("a password that was changed is the new one from the next proof on", async (context) => {
    const { sources } = await opened(context);
    const path = secretFile(database.folder, "rotated", "canary-old");
    const upstream = upstreamOf(database.server.port, { file: { path } });
    const credential = await lease(sources, "file", upstream);
    await assert.rejects(signIn(upstream, credential), /password authentication failed/);
    secretFile(database.folder, "rotated", READER_PASSWORD);
    using session = await signIn(upstream, credential);
    assert.equal((await session.query("SELECT 1 AS one"))[0]?.["one"], "1");
  });

  test("an upstream that is down is a refusal, not an error, and nothing stays behind", async (context) => {
    const { sources, notes } = await opened(context);
    const upstream = upstreamOf(1, examples.postgresRole.works(database.folder));
    const answer = await sources.postgresRole.lease({ upstream, subject: "s", untilMs: 0 }, forEver);
    assert.ok(isRefusal(answer) && answer.code === "CREDENTIAL_UNAVAILABLE");
    assert.match(inspect(notes), /ECONNREFUSED/);
    assert.doesNotMatch(inspect([answer, notes]), new RegExp(MINTER_PASSWORD));
  });
});

async function lease(sources: Sources, name: SourceName, upstream: Upstream): Promise<Credential> {
  const answer = await sources[name].lease({ upstream, subject: "s", untilMs: 0 }, forEver);
  assert.ok(!isRefusal(answer), inspect(answer));
  return answer;
}
