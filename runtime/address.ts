/** IP addresses as bytes. What comes in has been found to be an address by `isIP` or by the kernel. */
import { isIP } from "node:net";

export function ipv4Bytes(address: string): Uint8Array {
  return Uint8Array.from(address.split(".").map(Number));
}

export function ipv6Bytes(address: string): Uint8Array {
  // The URL parser knows every spelling and gives back hexadecimal groups.
  const text = new URL(`http://[${address.split("%")[0]}]/`).hostname.slice(1, -1);
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const groups = [...before, ...zeros, ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}

/** However each of them is spelt; an IPv4 address is the same in its IPv6 clothes. */
export function isSameAddress(left: string, right: string): boolean {
  return isIP(left) !== 0 && addressBytes(left).equals(addressBytes(right));
}

const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** Sixteen bytes, IPv4 as an IPv4-mapped address. */
function addressBytes(address: string): Buffer {
  return isIP(address) === 6 ? Buffer.from(ipv6Bytes(address)) : Buffer.concat([MAPPED, ipv4Bytes(address)]);
}
