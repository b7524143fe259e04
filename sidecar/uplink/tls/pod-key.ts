/**
 * The one key that speaks for this pod. It lies in a volume in memory that no other container mounts, so that a gateway that is
 * started again still has it: the broker would take another one only after the node itself was started again.
 */
import {
  type KeyObject,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
} from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

export interface PodKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const NAME = "key.pem";

/** Throws for a file that is there and holds no key: another key would be refused, and look like a theft. */
export async function podKey(directory: string): Promise<PodKey> {
  const path = join(directory, NAME);
  const stored = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (stored === undefined) return makeIn(directory, path);
  try {
    return pairOf(createPrivateKey(stored));
  } catch (cause) {
    throw new Error(`${path} does not hold this pod's key`, { cause });
  } finally {
    stored.fill(0);
  }
}

async function makeIn(directory: string, path: string): Promise<PodKey> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const pem = Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }));
  // Whole or not at all: a container may be killed at any moment.
  const draft = join(directory, `${NAME}.${randomBytes(6).toString("hex")}`);
  await using file = await open(draft, "wx", 0o600);
  await file.writeFile(pem);
  pem.fill(0);
  await rename(draft, path);
  return pairOf(privateKey);
}

function pairOf(privateKey: KeyObject): PodKey {
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
