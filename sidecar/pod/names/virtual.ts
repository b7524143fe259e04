/**
 * Addresses that stand for names. An agent that looks a name up is given one; when it connects there, that says which name it
 * meant. They belong to nobody: 198.18.0.0/15 and 2001:2::/48 are set aside for measurements inside a network (RFC 2544, RFC 5180).
 */
import { createHash } from "node:crypto";
import { ipv4Bytes, ipv6Bytes } from "#runtime/address.ts";

export interface Addresses {
  readonly ipv4: Uint8Array;
  readonly ipv6: Uint8Array;
}

export interface VirtualNames {
  /** The same for as long as the pod lives; undefined when as many names as may be have one and all are in use. */
  addressesOf(name: string): Addresses | undefined;
  nameAt(address: string): string | undefined;
  /** Whether it is one of those that only we give out, taken or not. */
  covers(address: string): boolean;
  readonly size: number;
}

export interface VirtualOptions {
  /** What `save` was last given in this pod, by a gateway before this one. */
  readonly saved: Readonly<Record<string, number>>;
  readonly save: (taken: Readonly<Record<string, number>>) => void;
  readonly nowMs: () => number;
  readonly limits?: { readonly namesMax: number; readonly silenceMsMin: number };
}

/** Far more than a plan has room for, and no more than a small file holds. */
const LIMITS = { namesMax: 4_096, silenceMsMin: 24 * 60 * 60_000 };

const IPV4_START = Buffer.from(ipv4Bytes("198.18.0.0")).readUInt32BE();
const IPV6_PREFIX = Buffer.from(ipv6Bytes("2001:2:0:5a11::")).subarray(0, 12);
/** Neither the first nor the last address of the range, which mean a network and all of it. */
const NUMBERS = 2 ** 17 - 2;

export function openVirtualNames(options: VirtualOptions): VirtualNames {
  const { save, nowMs, limits: { namesMax, silenceMsMin } = LIMITS } = options;
  const byName = new Map<string, { readonly number: number; usedMs: number }>();
  const byNumber = new Map<number, string>();

  for (const [name, number] of Object.entries(options.saved)) {
    if (isNumber(number) && !byNumber.has(number) && byName.size < namesMax) put(name, number);
  }

  function put(name: string, number: number): void {
    byName.set(name, { number, usedMs: nowMs() });
    byNumber.set(number, name);
  }

  /** Whoever still holds an address from so long ago would mean another name by it. */
  function makeRoom(): boolean {
    if (byName.size < namesMax) return true;
    const [longest] = [...byName].toSorted(([, one], [, other]) => one.usedMs - other.usedMs);
    if (longest === undefined || nowMs() - longest[1].usedMs < silenceMsMin) return false;
    byName.delete(longest[0]);
    byNumber.delete(longest[1].number);
    return true;
  }

  function take(name: string): number | undefined {
    if (!makeRoom()) return undefined;
    // By the name itself: most often the same even where nothing was saved.
    let number = (createHash("sha256").update(name).digest().readUInt32BE() % NUMBERS) + 1;
    while (byNumber.has(number)) number = (number % NUMBERS) + 1;
    put(name, number);
    save(Object.fromEntries([...byName].map(([each, entry]) => [each, entry.number])));
    return number;
  }

  return {
    addressesOf(name) {
      const known = byName.get(name);
      if (known !== undefined) known.usedMs = nowMs();
      const number = known?.number ?? take(name);
      return number === undefined ? undefined : addresses(number);
    },
    nameAt(address) {
      const number = numberOf(address);
      const name = number === undefined ? undefined : byNumber.get(number);
      const known = name === undefined ? undefined : byName.get(name);
      if (known !== undefined) known.usedMs = nowMs();
      return name;
    },
    covers: (address) => numberOf(address) !== undefined,
    get size() {
      return byName.size;
    },
  };
}

const isNumber = (number: unknown): boolean =>
  Number.isInteger(number) && Number(number) >= 1 && Number(number) <= NUMBERS;

function addresses(number: number): Addresses {
  const ipv4 = Buffer.alloc(4);
  ipv4.writeUInt32BE(IPV4_START + number);
  const ipv6 = Buffer.concat([IPV6_PREFIX, Buffer.alloc(4)]);
  ipv6.writeUInt32BE(number, 12);
  return { ipv4, ipv6 };
}

/** `address` has been found to be one by the kernel. */
function numberOf(address: string): number | undefined {
  if (!address.includes(":")) {
    const number = Buffer.from(ipv4Bytes(address)).readUInt32BE() - IPV4_START;
    return isNumber(number) ? number : undefined;
  }
  const bytes = Buffer.from(ipv6Bytes(address));
  if (!bytes.subarray(0, 12).equals(IPV6_PREFIX)) return undefined;
  const number = bytes.readUInt32BE(12);
  return isNumber(number) ? number : undefined;
}
