/** The programs as they are shipped: bundles that need nothing beside them but PostgreSQL's parser. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type RolldownPlugin } from "rolldown";

const DIST = process.env["SALLYPORT_DIST"] ?? "dist";

/** Threads and processes are started by file name, which a bundler does not see as an import. */
const startedByName: RolldownPlugin = {
  name: "started-by-name",
  transform: (code) =>
    code.includes("-worker.ts") ? code.replaceAll(/"\.\/([a-z-]+-worker)\.ts"/g, '"./$1.js"') : undefined,
};

/** The parser's module is loaded from its own files, since an instance has to be replaced after a fault. */
const withParser: RolldownPlugin = {
  name: "with-parser",
  writeBundle: () => {
    for (const file of ["package.json", "LICENSE", "wasm/libpg-query.js", "wasm/libpg-query.wasm"])
      cpSync(join("node_modules/libpg-query", file), join(DIST, "node_modules/libpg-query", file));
  },
};

export default defineConfig({
  input: {
    sallyport: "cli/main.ts",
    gateway: "sidecar/pod/main.ts",
    "aside-worker": "sidecar/statements/aside-worker.ts",
    "broker-worker": "broker/process/broker-worker.ts",
    "sidecar-worker": "sidecar/process/sidecar-worker.ts",
  },
  platform: "node",
  external: /^libpg-query/,
  plugins: [startedByName, withParser],
  output: {
    dir: DIST,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
    minify: false,
  },
});
