/** A session of an agent that stays open: psql in the pod, told what to ask one statement after the other. */
import { type Container, containerOf } from "./containers.ts";
import { psql } from "./orders.ts";
import type { Release } from "./release.ts";
import { until } from "./until.ts";

export interface Live extends AsyncDisposable {
  readonly agent: Container;
  /** What is printed until the statement is over: rows, or the error. */
  ask(statement: string): Promise<string>;
}

const PIPE = "/tmp/live.in";
const OUTPUT = "/tmp/live.out";
const ENDED = "psql ended";

/** In the pod, so that nothing but the agent's own connection is between the two. One for each pod at a time. */
export async function openLive(release: Release, namespace: string, pod: string, words = ""): Promise<Live> {
  const agent = await containerOf(release, namespace, pod, "agent");
  // Somebody has to keep the pipe open for writing, else psql ends with the first statement.
  await agent.run(
    `mkfifo ${PIPE}
     setsid bash -c 'echo $$ >${PIPE}.pid; exec sleep infinity >${PIPE}' </dev/null >/dev/null 2>&1 &
     setsid bash -c '${psql(`--quiet ${words}`)} <${PIPE} >${OUTPUT} 2>&1; echo ${ENDED} >>${OUTPUT}' </dev/null >/dev/null 2>&1 &`,
  );
  let asked = 0;
  const said = (): Promise<string> => agent.run(`cat ${OUTPUT} 2>/dev/null; true`);
  return {
    agent,
    async ask(statement) {
      asked += 1;
      const mark = `answered ${asked}\n`;
      const before = await said();
      // psql's own echo comes when the statement before it is over, whatever became of it. Where psql is gone nobody would read.
      const lines = `'${statement};' '\\echo ${mark.trim()}'`;
      await agent.run(`grep --quiet '${ENDED}' ${OUTPUT} 2>/dev/null || printf '%s\\n' ${lines} >${PIPE}`);
      let text = "";
      await until(`answered: ${statement}`, async () => {
        text = (await said()).slice(before.length);
        return text.includes(mark) || (before + text).includes(ENDED);
      });
      return text.replace(mark, "");
    },
    [Symbol.asyncDispose]: async () => {
      await agent.run(`kill $(cat ${PIPE}.pid); rm -f ${PIPE} ${PIPE}.pid ${OUTPUT}`);
    },
  };
}
