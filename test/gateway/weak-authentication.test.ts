/** `weakAuthentication` of a Connection on real servers that ask for md5 or clear text: from the file to the session. */
import assert from "node:assert/strict";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { serverAccount } from "#tools/postgres/account.ts";
import { connect } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { once, refusedWith } from "./support/clients.ts";
import { type Rig, startRig } from "./support/in-process.ts";
import { policy, UPSTREAM_PASSWORD } from "./support/kinds.ts";

const authority = makeAuthority();
const certificate = authority.issue("IP:127.0.0.1");

type Weak = "md5" | "cleartext";

const HOSTS = `
local   all all                       trust
hostssl all clear_agent 127.0.0.1/32  password
host    all all         127.0.0.1/32  md5
`;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version, 18) }, () => {
    let server: PostgresServer;
    let folder = "";
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "sallyport-weak-"));
      const { uid, gid } = serverAccount();
      chownSync(folder, uid, gid);
      writeFileSync(join(folder, "hosts"), HOSTS);
      chownSync(join(folder, "hosts"), uid, gid);
      server = await startPostgres({
        version,
        tcp: true,
        tls: certificate,
        settings: { hba_file: join(folder, "hosts"), password_encryption: "md5" },
      });
      await using root = await connect(server);
      for (const role of ["md5_agent", "clear_agent"])
        await root.query(`CREATE ROLE ${role} LOGIN PASSWORD '${UPSTREAM_PASSWORD}'`);
      await root.query("SET password_encryption = 'scram-sha-256'");
      await root.query(`CREATE ROLE scram_agent LOGIN PASSWORD '${UPSTREAM_PASSWORD}'`);
      await root.query("CREATE TABLE orders (id int); GRANT SELECT ON orders TO public");
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    async function rigFor(
      context: TestContext,
      user: string,
      weakAuthentication: readonly Weak[] | undefined,
      more: { readonly password?: string; readonly tls?: object } = {},
    ): Promise<Rig> {
      const ca = join(folder, "authority.pem");
      writeFileSync(ca, authority.certPem);
      return startRig(context, {
        policies: [policy()],
        connection: {
          address: { host: "127.0.0.1", port: server.port },
          tls: more.tls ?? { ca: { file: ca } },
          postgres: {
            database: "postgres",
            user,
            ...(weakAuthentication === undefined ? {} : { weakAuthentication }),
          },
        },
        ...(more.password === undefined ? {} : { password: more.password }),
      });
    }

    const WAYS = [
      ["md5", "md5_agent"],
      ["cleartext", "clear_agent"],
    ] as const;
    for (const [way, user] of WAYS) {
      test(`${way}: listed, it signs in, and the password is nowhere else`, async (context) => {
        const rig = await rigFor(context, user, [way]);
        assert.deepEqual(await once(rig), { count: "0" });
        assert.ok(rig.lines.length > 0, "nothing was logged");
        assert.doesNotMatch(JSON.stringify([rig.lines, await rig.events()]), /canary/);
        for (const bytes of filesUnder(rig.state)) assert.equal(bytes.includes(UPSTREAM_PASSWORD), false);
      });

      test(`${way}: not listed, it is refused, and the password stays where it is`, async (context) => {
        const [other] = WAYS.filter(([one]) => one !== way).map(([one]) => one);
        for (const listed of [undefined, [other ?? assert.fail()]]) {
          const rig = await rigFor(context, user, listed);
          const told = await refusedWith(once(rig), "UPSTREAM_UNTRUSTED");
          assert.match(told.message, /would give it away/);
          const proved = (await rig.events()).filter(({ action }) => action === "proved");
          assert.deepEqual(proved, []);
        }
      });

      test(`${way}: a wrong password is told without it`, async (context) => {
        const rig = await rigFor(context, user, [way], { password: "canary-wrong" });
        await refusedWith(once(rig), "CREDENTIAL_REFUSED");
        assert.doesNotMatch(JSON.stringify([rig.lines, await rig.events()]), /canary/);
      });
    }

    test("md5 without TLS signs in where it is listed; SCRAM goes on being answered there", async (context) => {
      for (const user of ["md5_agent", "scram_agent"]) {
        const rig = await rigFor(context, user, ["md5"], { tls: { mode: "disable" } });
        assert.deepEqual(await once(rig), { count: "0" });
      }
    });
  });

function filesUnder(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
}
