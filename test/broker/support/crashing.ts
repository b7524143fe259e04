/**
 * A process that mints a role and takes it back, and is killed at the given step: before an effect on the disk, or before
 * or after bytes go to the server. Prints how many steps there were when it gets to the end.
 */
import { Socket } from "node:net";
import { openJournal } from "#broker/leases/journal.ts";
import type { Upstream } from "#broker/sources/source.ts";
import type { AppendFile, Disk } from "#broker/trail/disk.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { leased, startMinting } from "./upstream.ts";

const [folder = "", killAt = "", upstreamText = ""] = process.argv.slice(2);
const upstream = JSON.parse(upstreamText) as Upstream;

let steps = 0;
function step(): void {
  steps += 1;
  if (steps === Number(killAt)) process.kill(process.pid, "SIGKILL");
}

function dying(file: AppendFile): AppendFile {
  return {
    write: async (bytes, offset) => {
      step();
      await file.write(bytes.subarray(0, bytes.length >> 1), offset);
      step();
      await file.write(bytes, offset);
    },
    sync: async () => {
      step();
      await file.sync();
      step();
    },
    truncate: (lengthBytes) => file.truncate(lengthBytes),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

const disk: Disk = {
  ...realDisk,
  create: async (path, mode) => {
    step();
    return dying(await realDisk.create(path, mode));
  },
  rename: async (from, to) => {
    step();
    await realDisk.rename(from, to);
    step();
  },
};

/** A step is what the server has been told, too. */
const write = Socket.prototype.write as (this: Socket, chunk: Uint8Array, told: () => void) => boolean;
Socket.prototype.write = function (this: Socket, chunk: Uint8Array, ...rest: unknown[]): boolean {
  if (this.remotePort !== upstream.spec.address.port)
    return write.call(this, chunk, ...(rest as [() => void]));
  step();
  return write.call(this, chunk, step);
};

{
  const journal = await openJournal({ directory: `${folder}/state`, disk, note: () => undefined });
  await using minting = await startMinting({ folder, journal });
  const credential = await leased(minting.source, upstream);
  credential.end("released");
  await minting.source.settled();
}
process.stdout.write(`${steps}\n`);
