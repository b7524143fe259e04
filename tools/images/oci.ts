/**
 * Writes an image as one archive in the layout of OCI, from entries and nothing else: no registry, no daemon, no base image.
 * The same entries give the same digest on any machine with this Node, whose zlib packs the layers.
 */
import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import { type Entry, tarBytes } from "./tar.ts";

export interface ImageConfig {
  /** Numeric `uid:gid`: a kubelet can only see that a number is not root. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly folder?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ImageRequest {
  /** Where the archive goes. */
  readonly out: string;
  /** As pods write it, `sallyport/gateway:0.1.0`. */
  readonly name: string;
  readonly config: ImageConfig;
  /** Bottom first. What changes seldom comes first, so that images share it. */
  readonly layers: readonly (readonly Entry[])[];
  /** Where packed layers are kept by their content. Without it each is packed anew. */
  readonly layerCache?: string;
  /** What every runtime and registry takes, when it is left out. */
  readonly packing?: Packing;
}

export interface Image {
  readonly name: string;
  readonly file: string;
  /** Of the manifest: what `name@sha256:…` names. */
  readonly digest: string;
  /** What a node downloads, and what it unpacks to. */
  readonly packedBytes: number;
  readonly unpackedBytes: number;
}

interface Blob {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly content: Uint8Array | { readonly file: string };
}
interface LayerBlob extends Blob {
  readonly unpackedDigest: string;
  readonly unpackedBytes: number;
}

/** What nodes are: the one platform that the recipes' Node is built for. */
const PLATFORM = { architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux" } as const;
const TYPES = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
} as const;

/** How layers are packed. A node unpacks zstd in a fifth of gzip's time; not everything that carries images knows it. */
const PACKINGS = {
  gzip: {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    // Half of the default's time for a fortieth more bytes.
    version: `gzip-5-${process.versions.zlib}`,
    pack: () => createGzip({ level: 5 }),
  },
  zstd: {
    mediaType: "application/vnd.oci.image.layer.v1.tar+zstd",
    version: `zstd-3-${process.versions["zstd"]}`,
    pack: () => createZstdCompress(),
  },
} as const satisfies Record<string, { mediaType: string; version: string; pack: () => Transform }>;
type Packing = keyof typeof PACKINGS;

export async function writeImage(request: ImageRequest): Promise<Image> {
  mkdirSync(dirname(request.out), { recursive: true });
  const folder = mkdtempSync(`${request.out}.`);
  try {
    const layers: LayerBlob[] = [];
    const packing = request.packing ?? "gzip";
    for (const entries of request.layers)
      layers.push(await layerOf(entries, packing, request.layerCache ?? folder));
    const config = jsonBlob(configOf(request.config, layers));
    const manifest = jsonBlob({
      schemaVersion: 2,
      mediaType: TYPES.manifest,
      config: descriptor(TYPES.config, config),
      layers: layers.map((layer) => descriptor(PACKINGS[packing].mediaType, layer)),
    });
    const draft = join(folder, "image.tar");
    await pipeline(
      Readable.from(tarBytes(layout(request.name, manifest, [config, ...layers]))),
      createWriteStream(draft),
    );
    renameSync(draft, request.out);
    return {
      name: request.name,
      file: request.out,
      digest: manifest.digest,
      packedBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      unpackedBytes: layers.reduce((sum, { unpackedBytes }) => sum + unpackedBytes, 0),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The name in full, as containerd keeps it: `sallyport/gateway:1` is `docker.io/sallyport/gateway:1`. */
export function fullName(name: string): string {
  const [first = "", ...rest] = name.split("/");
  if (rest.length === 0) return `docker.io/library/${name}`;
  return first === "localhost" || /[.:]/.test(first) ? name : `docker.io/${name}`;
}

function configOf(config: ImageConfig, layers: readonly LayerBlob[]): object {
  return {
    ...PLATFORM,
    config: {
      User: config.user,
      Entrypoint: config.entrypoint,
      ...(config.args === undefined ? {} : { Cmd: config.args }),
      Env: Object.entries(config.environment ?? {}).map(([name, value]) => `${name}=${value}`),
      WorkingDir: config.folder ?? "/",
      ...(config.labels === undefined ? {} : { Labels: config.labels }),
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ unpackedDigest }) => unpackedDigest) },
  };
}

function layout(name: string, manifest: Blob, others: readonly Blob[]): Entry[] {
  const full = fullName(name);
  const index = {
    schemaVersion: 2,
    mediaType: TYPES.index,
    manifests: [
      {
        ...descriptor(TYPES.manifest, manifest),
        platform: PLATFORM,
        annotations: {
          "io.containerd.image.name": full,
          "org.opencontainers.image.ref.name": full.slice(full.lastIndexOf(":") + 1),
        },
      },
    ],
  };
  const blobs = new Map([manifest, ...others].map((blob) => [blob.digest, blob.content]));
  return [
    { kind: "file", path: "oci-layout", content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { kind: "file", path: "index.json", content: Buffer.from(JSON.stringify(index)) },
    ...[...blobs].map(([digest, content]) => ({
      kind: "file" as const,
      path: `blobs/${digest.replace(":", "/")}`,
      content,
    })),
  ];
}

const descriptor = (mediaType: string, { digest, sizeBytes }: Blob): object => ({
  mediaType,
  digest,
  size: sizeBytes,
});

function jsonBlob(value: object): Blob {
  const content = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
  return { digest, sizeBytes: content.length, content };
}

/** Packed layers are kept under the digest of what is in them, so that the large ones are packed once. */
async function layerOf(entries: readonly Entry[], packing: Packing, folder: string): Promise<LayerBlob> {
  const { version, pack } = PACKINGS[packing];
  const archive = () => Readable.from(tarBytes(entries));
  const unpacked = measuring();
  await pipeline(archive(), unpacked.stream, discard());
  const { digest: unpackedDigest, sizeBytes: unpackedBytes } = unpacked.result();
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${unpackedDigest.slice("sha256:".length)}.${version}`);
  if (existsSync(file)) {
    // Whoever prunes goes by when it was used last.
    const now = new Date();
    utimesSync(file, now, now);
  } else {
    const draft = `${file}.${process.pid}`;
    try {
      await pipeline(archive(), pack(), createWriteStream(draft));
      renameSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
  }
  const packed = measuring();
  await pipeline(createReadStream(file), packed.stream, discard());
  return { ...packed.result(), content: { file }, unpackedDigest, unpackedBytes };
}

function measuring(): {
  readonly stream: Transform;
  readonly result: () => { readonly digest: string; readonly sizeBytes: number };
} {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const stream = new Transform({
    transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
      hash.update(piece);
      sizeBytes += piece.length;
      done(null, piece);
    },
  });
  return { stream, result: () => ({ digest: `sha256:${hash.digest("hex")}`, sizeBytes }) };
}

/** Reads to the end and keeps nothing. */
function discard(): (pieces: AsyncIterable<unknown>) => Promise<void> {
  return async (pieces) => {
    for await (const _piece of pieces) continue;
  };
}
