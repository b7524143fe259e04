/** The broker's own name: drawn at the first start and kept, so that after a crash it knows what is its own. */
import { randomBytes } from "node:crypto";
import type { Disk } from "./trail/disk.ts";

const NAME = "broker-id";
const PATTERN = /^[0-9a-f]{16}$/;

export async function brokerIdentifier(directory: string, disk: Disk): Promise<string> {
  await disk.makeDirectory(directory, 0o700);
  const names = await disk.list(directory);
  if (names.includes(NAME)) {
    const text = Buffer.from(await disk.read(`${directory}/${NAME}`, 0, 64))
      .toString("latin1")
      .trim();
    if (PATTERN.test(text)) return text;
    throw new Error(
      `${directory}/${NAME} does not hold the broker's identifier; remove it to have a new one`,
    );
  }
  const identifier = randomBytes(8).toString("hex");
  if (names.includes(`${NAME}.new`)) await disk.remove(`${directory}/${NAME}.new`);
  await using file = await disk.create(`${directory}/${NAME}.new`, 0o600);
  await file.write(Buffer.from(`${identifier}\n`), 0);
  await file.sync();
  await disk.rename(`${directory}/${NAME}.new`, `${directory}/${NAME}`);
  await disk.syncDirectory(directory);
  return identifier;
}
