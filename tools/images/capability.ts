/** File capabilities as the kernel stores them (`struct vfs_cap_data`, revision 2), so that an image can carry them. */

/** Bits of linux/capability.h. A row is added when an image needs it. */
const BITS = { cap_net_admin: 12 } as const;

export interface FileCapabilities {
  readonly permitted: readonly (keyof typeof BITS)[];
  /** Raised at exec, so that a program that knows nothing of capabilities has them. */
  readonly effective: boolean;
}

const REVISION_2 = 0x0200_0000;
const EFFECTIVE = 0x1;

export function capabilityBytes({ permitted, effective }: FileCapabilities): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt32LE(REVISION_2 | (effective ? EFFECTIVE : 0), 0);
  // All of them are in the lower word; its inheritable twin stays empty.
  bytes.writeUInt32LE(
    permitted.reduce((mask, name) => mask | (1 << BITS[name]), 0),
    4,
  );
  return bytes;
}
