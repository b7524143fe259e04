/** With which flags etcd and the API server run: the same on both tiers. */
import type { PkiFiles } from "./pki.ts";

export type Flags = Readonly<Record<string, string>>;

export const SERVICE_RANGE = "10.96.0.0/16";
export const SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local";

/** Programs that live for seconds: their garbage is let grow to four times what they keep, for a third less of the processor. */
export const COLLECTING_SELDOM = { GOGC: "400" };

export interface EtcdPlace {
  readonly folder: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** Nothing is kept beyond the cluster, so nothing is waited for: a write need not reach the disk. */
export function etcdFlags({ folder, clientUrl, peerUrl }: EtcdPlace): Flags {
  return {
    "data-dir": folder,
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": `default=${peerUrl}`,
    "unsafe-no-fsync": "true",
    "log-level": "warn",
  };
}

export interface ApiServerPlace {
  readonly etcdUrl: string;
  readonly address: string;
  readonly port: number;
  readonly files: PkiFiles;
}

/** Authorization and admission as a cluster has them in production: the default plugins, and nodes held to their own. */
export function apiServerFlags({ etcdUrl, address, port, files }: ApiServerPlace): Flags {
  return {
    "etcd-servers": etcdUrl,
    "bind-address": address,
    "advertise-address": address,
    "secure-port": String(port),
    "tls-cert-file": files.serverCertificate,
    "tls-private-key-file": files.serverKey,
    "client-ca-file": files.ca,
    "authorization-mode": "Node,RBAC",
    "enable-admission-plugins": "NodeRestriction",
    "allow-privileged": "true",
    "service-cluster-ip-range": SERVICE_RANGE,
    "service-account-issuer": SERVICE_ACCOUNT_ISSUER,
    "service-account-signing-key-file": files.tokenPrivateKey,
    "service-account-key-file": files.tokenPublicKey,
  };
}

export function wordsOf(flags: Flags): readonly string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
