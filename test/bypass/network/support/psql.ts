/** An agent's ordinary client in the pod, which shows that the gateway serves while it is attacked. */
import type { Pod, Said } from "#test/pod-plane/support/pod.ts";

export const READ = "select id, email from people order by id limit 2";
export const MASKED = "1|***\n2|***\n";

export function psql(pod: Pod, host = "orders", words: Readonly<Record<string, string>> = {}): Promise<Said> {
  return pod.agent(["psql", "--no-psqlrc", "-At", "-h", host, "-c", READ], {
    PGUSER: "agent",
    PGDATABASE: "postgres",
    PGCONNECT_TIMEOUT: "20",
    ...words,
  });
}

/** What a session came to: rows as policy has them, or why there are none. */
export async function served(
  pod: Pod,
  host?: string,
  words?: Readonly<Record<string, string>>,
): Promise<string> {
  const { stdout, stderr } = await psql(pod, host, words);
  return stdout === MASKED ? "served" : stderr || stdout;
}
