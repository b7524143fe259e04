/**
 * What the trail asks of a disk. An interface because the promise "acknowledged survives" is about a disk that loses
 * power, and only a double can lose it ten thousand times.
 */

export interface AppendFile extends AsyncDisposable {
  /** Writes all of it at the offset, or throws; after a throw the bytes from the offset on are undefined. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /**
   * Makes what was written survive a power loss. When it throws, nothing written since the last sync is known to be
   * stored, and asking again proves nothing: the kernel has forgotten which pages were dirty.
   */
  sync(): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
}

export interface FileFacts {
  readonly lengthBytes: number;
  /** The permission bits. */
  readonly mode: number;
  readonly uid: number;
  /** The same as long as it is the same file with the same content and rights; another file of that name has another. */
  readonly version: string;
}

export interface Disk {
  /** Makes the directory and its parents when absent. */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Names, in no order. */
  list(path: string): Promise<readonly string[]>;
  inspect(path: string): Promise<FileFacts>;
  /** Up to `lengthBytes` from `offset`; shorter at the end of the file. */
  read(path: string, offset: number, lengthBytes: number): Promise<Uint8Array>;
  /** Fails when the file exists. */
  create(path: string, mode: number): Promise<AppendFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory survive a power loss. */
  syncDirectory(path: string): Promise<void>;
  /** Keeps a second process away from the directory until disposed or dead; throws when one is there. */
  lock(path: string): Promise<AsyncDisposable>;
}

/** Gives up a file whose content is in doubt already: that closing it fails too says nothing new. */
export async function abandon(file: AppendFile | undefined): Promise<void> {
  try {
    await file?.[Symbol.asyncDispose]();
  } catch {
    // The caller has the error that led here.
  }
}
