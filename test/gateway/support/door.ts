/** Holds back a trail, for as long as a test wants it to. */
import type { Disk } from "#broker/trail/disk.ts";
import { realDisk } from "#broker/trail/real-disk.ts";

/** What is written while it is shut waits until it is opened. */
export class Door {
  waiting = 0;
  #shut: PromiseWithResolvers<void> | undefined;

  shut(): void {
    this.#shut = Promise.withResolvers<void>();
  }

  open(): void {
    this.#shut?.resolve();
    this.#shut = undefined;
  }

  async pass(): Promise<void> {
    if (this.#shut === undefined) return;
    this.waiting += 1;
    await this.#shut.promise;
    this.waiting -= 1;
  }
}

/** Files of the trail are written through the door, or only what of it `stops` there; whatever else the broker keeps is not. */
export function diskBehind(door: Door, stops: (bytes: Uint8Array) => boolean = () => true): Disk {
  return {
    ...realDisk,
    create: async (path, mode) => {
      const file = await realDisk.create(path, mode);
      if (!path.includes("/trail/")) return file;
      return {
        write: async (bytes, offset) => {
          if (stops(bytes)) await door.pass();
          await file.write(bytes, offset);
        },
        sync: () => file.sync(),
        truncate: (lengthBytes) => file.truncate(lengthBytes),
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  };
}
