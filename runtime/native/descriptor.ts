/**
 * The number that the kernel has for a socket. Node.js keeps it in the handle below a socket and has no public name for it; this is
 * the one place that reads it, and a test fails when it is not there any more.
 */
import type { Socket } from "node:net";

/** Undefined for one that is closed: its number may be another's by now. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  if (handle === null || handle === undefined) return undefined;
  if (typeof handle.fd !== "number")
    throw new Error(`Node.js ${process.version} does not tell a socket's number`);
  return handle.fd < 0 ? undefined : handle.fd;
}
