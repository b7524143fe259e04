/** A server out in the world that asks for the password, and says it back. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT, type Place, WORLD, outputIn, startIn } from "#test/capture/support/network.ts";
import { programOf } from "./field.ts";

export const HOSTILE = { host: WORLD.v4, port: 5_433 } as const;

export interface Hostile extends AsyncDisposable {
  /** Everything that it was given. */
  heard(): string;
  /** As a client that holds the password itself. */
  signIn(place: Place, password: string): Promise<string>;
}

export async function startHostile(
  world: Place,
  { tls }: { readonly tls: { readonly certPem: string; readonly keyPem: string } | undefined },
): Promise<Hostile> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sallyport-hostile-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const files = [join(folder, "cert.pem"), join(folder, "key.pem")] as const;
  if (tls !== undefined) {
    writeFileSync(files[0], tls.certPem);
    writeFileSync(files[1], tls.keyPem);
  }
  const { host, port } = HOSTILE;
  const words = ["/usr/bin/python3", programOf("hostile.py"), host, String(port)];
  const server = stack.use(await startIn(world, undefined, [...words, ...(tls === undefined ? [] : files)]));
  await server.line(/^listening$/m);
  const owned = stack.move();
  return {
    heard: () => server.output(),
    // What is asked for by name would be libpq's own.
    signIn: (place, password) =>
      outputIn(
        place,
        AGENT,
        "sh",
        "-c",
        `PGPASSWORD='${password}' psql --no-psqlrc "host=${host} port=${port} user=agent dbname=d sslmode=disable" -c 'select 1' 2>&1; true`,
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
