/**
 * gw-init as on a kernel that says yes to rules and does nothing with them, as a wrong back end or a sandbox does: its own source, but
 * for the function that installs, which succeeds and installs nothing. And the same without its proof.
 */
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const SOURCE = fileURLToPath(new URL("../../../../images/gw-init", import.meta.url));

export interface SilentKernel extends Disposable {
  /** The gw-init that runs on it. */
  readonly file: string;
}

export async function openSilentKernel({
  isProving,
}: {
  readonly isProving: boolean;
}): Promise<SilentKernel> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-silent-"));
  chmodSync(folder, 0o755);
  const installed = returningAtOnce("rules.go", /^func install\(.*\) error \{$/m, "return nil");
  const proved = returningAtOnce(
    "selftest.go",
    /^func prove\(.*\) \(\[\]string, error\) \{$/m,
    "return nil, nil",
  );
  const file = await build(isProving ? [installed] : [installed, proved]);
  return { file, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };

  function returningAtOnce(file: string, head: RegExp, statement: string): readonly [string, string] {
    const text = readFileSync(join(SOURCE, file), "utf8");
    if (!head.test(text)) throw new Error(`${file} has no function like ${String(head)}`);
    const changed = join(folder, file);
    writeFileSync(
      changed,
      text.replace(head, (found) => `${found}\n\tif true {\n\t\t${statement}\n\t}`),
    );
    return [join(SOURCE, file), changed];
  }

  async function build(changes: readonly (readonly [string, string])[]): Promise<string> {
    const [overlay, program] = [join(folder, "overlay.json"), join(folder, "gw-init")];
    writeFileSync(overlay, JSON.stringify({ Replace: Object.fromEntries(changes) }));
    const env = { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "" };
    await run(
      "go",
      ["-C", SOURCE, "build", "-trimpath", "-buildvcs=false", "-overlay", overlay, "-o", program, "."],
      {
        env,
        signal: AbortSignal.timeout(5 * 60_000),
      },
    );
    chmodSync(program, 0o755);
    execFileSync("setcap", ["cap_net_admin+p", program]);
    return program;
  }
}
