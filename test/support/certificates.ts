/** A certificate authority of a test's own, made by openssl in a folder that is removed at once. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly certPem: string;
  readonly keyPem: string;
}
export interface Authority extends Certificate {
  /** For names and addresses as subjectAltName writes them: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(...names: readonly string[]): Certificate;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function makeAuthority(): Authority {
  const root = inFolder((folder, openssl) => {
    openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-days",
      "2",
      "-subj",
      "/CN=test authority",
      "-keyout",
      "key.pem",
      "-out",
      "cert.pem",
    );
    return pairIn(folder);
  });
  return { ...root, issue: (...names) => issue(root, names) };
}

/** Signed by itself, with an RSA key: what the older kinds of key exchange need. */
export function makeRsaCertificate(name: string): Certificate {
  return inFolder((folder, openssl) => {
    const key = ["-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem"];
    const subject = ["-subj", "/CN=test server", "-addext", `subjectAltName=${name}`];
    openssl("req", "-x509", ...key, "-days", "2", ...subject, "-out", "cert.pem");
    return pairIn(folder);
  });
}

function issue(root: Certificate, names: readonly string[]): Certificate {
  return inFolder((folder, openssl) => {
    writeFileSync(join(folder, "ca.pem"), root.certPem);
    writeFileSync(join(folder, "ca.key"), root.keyPem);
    writeFileSync(join(folder, "names"), `subjectAltName=${names.join(",")}\n`);
    openssl("req", ...NEW_KEY, "-subj", "/CN=test server", "-keyout", "key.pem", "-out", "request.pem");
    openssl(
      "x509",
      "-req",
      "-in",
      "request.pem",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-days",
      "2",
      "-extfile",
      "names",
      "-out",
      "cert.pem",
    );
    return pairIn(folder);
  });
}

function pairIn(folder: string): Certificate {
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  return { certPem: read("cert.pem"), keyPem: read("key.pem") };
}

function inFolder<Made>(make: (folder: string, openssl: (...words: string[]) => void) => Made): Made {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-certificates-"));
  try {
    return make(folder, (...words) => {
      execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
