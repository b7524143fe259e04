/** What only the kernel can say of a connection: where it was going before it was redirected, and who is at its other end. */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { descriptorOf } from "./descriptor.ts";

export interface OriginalDestination {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

interface Addon {
  originalDestination(descriptor: number): OriginalDestination | undefined;
  peerCredentials(descriptor: number): PeerCredentials | undefined;
  peerOwner(descriptor: number): number | undefined;
}

/** Made from `sockets.c`; in a bundle it lies beside the program as well. */
const FILE = "./sockets.node";
let loaded: Addon | undefined;

/** Undefined where nobody redirected it, and for a socket that is closed. */
export function originalDestination(socket: Socket): OriginalDestination | undefined {
  const descriptor = descriptorOf(socket);
  return descriptor === undefined ? undefined : addon().originalDestination(descriptor);
}

/** Undefined for what is no unix socket, and for one that is closed. */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const descriptor = descriptorOf(socket);
  return descriptor === undefined ? undefined : addon().peerCredentials(descriptor);
}

/**
 * The local user at the other end of a TCP connection within this host, by one question for that connection alone. Undefined where the
 * kernel does not answer it, which says nothing either way.
 */
export function peerOwner(socket: Socket): number | undefined {
  const descriptor = descriptorOf(socket);
  return descriptor === undefined ? undefined : addon().peerOwner(descriptor);
}

/** Where a program can do without: on a host whose tree has no addon, or one of before. */
export function canTellOwners(): boolean {
  try {
    return typeof addon().peerOwner === "function";
  } catch {
    return false;
  }
}

/** To find out at a program's start rather than at its first connection. Throws when it cannot be had. */
export function loadSockets(): void {
  addon();
}

function addon(): Addon {
  try {
    return (loaded ??= createRequire(import.meta.url)(FILE) as Addon);
  } catch (cause) {
    throw new Error("the addon for sockets cannot be loaded: `make native` builds it", { cause });
  }
}
