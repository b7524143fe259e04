/** The programs as they are shipped: bundles that need nothing beside them but PostgreSQL's parser. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "./tools/images/c-program.ts";
import type { InputOptions, OutputOptions, RolldownPlugin } from "rolldown";

const DIST = process.env["SALLYPORT_DIST"] ?? "dist";

const PROGRAMS = {
  sallyport: "cli/main.ts",
  "kubectl-sallyport": "cli/kubectl-sallyport.ts",
  gateway: "sidecar/pod/main.ts",
  operator: "operator/main.ts",
  broker: "operator/broker/main.ts",
  audit: "cli/audit-program.ts",
  "aside-worker": "sidecar/statements/aside-worker.ts",
  "broker-worker": "broker/process/broker-worker.ts",
  "sidecar-worker": "sidecar/process/sidecar-worker.ts",
} as const;

export type Program = keyof typeof PROGRAMS;

/** Threads and processes are started by file name, which a bundler does not see as an import. */
const startedByName: RolldownPlugin = {
  name: "started-by-name",
  transform: (code) =>
    code.includes("-worker.ts") ? code.replaceAll(/"\.\/([a-z-]+-worker)\.ts"/g, '"./$1.js"') : undefined,
};

/** The parser's module is loaded from its own files, since an instance has to be replaced after a fault. */
const withParser = (folder: string): RolldownPlugin => ({
  name: "with-parser",
  writeBundle: () => {
    for (const file of ["package.json", "LICENSE", "wasm/libpg-query.js", "wasm/libpg-query.wasm"])
      cpSync(join("node_modules/libpg-query", file), join(folder, "node_modules/libpg-query", file));
  },
});

/** Beside the program, where its source has it too. Pods are Linux's, and so is what the addon asks. */
const withAddon = (folder: string): RolldownPlugin => ({
  name: "with-addon",
  writeBundle: async () => {
    if (process.platform === "linux") cpSync(await compiled("addon"), join(folder, "sockets.node"));
  },
});

/** These programs and what they share, in a folder. Only the worker that parses statements needs the parser. */
export function bundleOf(
  programs: readonly Program[],
  folder: string,
): InputOptions & { output: OutputOptions } {
  const needsParser = programs.includes("aside-worker");
  const needsAddon = programs.some((name) => name === "gateway" || name === "broker-worker");
  return {
    input: Object.fromEntries(programs.map((name) => [name, PROGRAMS[name]])),
    platform: "node",
    external: /^libpg-query/,
    plugins: [
      startedByName,
      ...(needsParser ? [withParser(folder)] : []),
      ...(needsAddon ? [withAddon(folder)] : []),
    ],
    output: {
      dir: folder,
      format: "esm",
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      minify: false,
    },
  };
}

export default bundleOf(Object.keys(PROGRAMS) as Program[], DIST);
