/** A diagnosis for people. */
import type { PodGateway } from "#broker/api/people/diagnosis.ts";
import { refusal } from "#core/values/refusal.ts";
import { type Paint, printable } from "../../frame/paint.ts";
import { columns, count } from "../../frame/text.ts";
import { instantText } from "../../frame/time.ts";
import type { Finding, Judged } from "./judge.ts";
import { nextOf } from "./next.ts";

export interface Patient {
  readonly namespace: string;
  readonly pod: string;
  readonly account: string;
}

const STYLES = { ok: "green", wrong: "red", unknown: "yellow" } as const satisfies Record<
  Finding["state"],
  Parameters<Paint>[0]
>;

export function renderDiagnosis({ findings, gateway }: Judged, patient: Patient, paint: Paint): string {
  return [
    paint("bold", printable(`pod ${patient.namespace}/${patient.pod}`)),
    "",
    ...findings.flatMap((finding) => linesOf(finding, paint)),
    ...(gateway === undefined ? [] : refusedLines(gateway, patient, paint)),
    ...(gateway === undefined ? [] : reachesLines(gateway, paint)),
    "",
    verdictOn(findings),
    "",
  ].join("\n");
}

function verdictOn(findings: readonly Finding[]): string {
  const wrong = findings.filter(({ state }) => state === "wrong").length;
  if (wrong > 0) return `${count(wrong, "thing")} to mend`;
  const isWhole = findings.every(({ state }) => state !== "unknown");
  return `nothing wrong was found${isWhole ? "" : " in what could be looked at"}`;
}

const STATE_WIDTH = 7;
const ABOUT_WIDTH = 18;
const MARGIN = " ".repeat(2 + STATE_WIDTH + 2 + ABOUT_WIDTH + 2);

function linesOf({ state, about, text, next }: Finding, paint: Paint): readonly string[] {
  const head = `  ${paint(STYLES[state], state.padEnd(STATE_WIDTH))}  ${about.padEnd(ABOUT_WIDTH)}  `;
  const [first = "", ...rest] = text.split("\n").map(printable);
  return [
    head + first,
    ...rest.map((line) => MARGIN + line),
    ...(next === undefined ? [] : [`${MARGIN}${paint("cyan", "next:")} ${printable(next)}`]),
  ];
}

function refusedLines({ refused }: PodGateway, patient: Patient, paint: Paint): readonly string[] {
  if (refused.length === 0) return [];
  return [
    "",
    paint("bold", "refused lately"),
    ...refused.flatMap(({ about, code, count: times, atMs }) => {
      const often = times === 1 ? "once" : `${times} times, last`;
      const next = nextOf(code, { ...patient, about });
      return [
        `  ${printable(about)}  ${often} at ${instantText(Math.floor(atMs / 1_000) * 1_000)}`,
        `    ${refusal(code).publicText} (${code})`,
        ...(next === undefined ? [] : [`    ${paint("cyan", "next:")} ${printable(next)}`]),
      ];
    }),
  ];
}

function reachesLines({ reaches }: PodGateway, paint: Paint): readonly string[] {
  if (reaches.length === 0) return [];
  const rows = reaches.map(({ namespace, name, at }) => [
    printable(`${namespace}/${name}`),
    printable(at.join("  ")),
  ]);
  return ["", paint("bold", "may reach"), ...columns(rows)];
}
