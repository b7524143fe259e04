/** The three kinds of panels. */
import { MEANINGS, type Panel } from "../dashboard.ts";
import type { Shown } from "../picture.ts";
import type { Range } from "../prometheus.ts";
import { shortened, text } from "./svg.ts";
import { roundedUp, say } from "./units.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

const COLOURS = ["#0969da", "#8250df", "#bf3989", "#9a6700", "#1a7f37", "#cf222e", "#57606a", "#0a3069"];
const GREY = "#57606a";
const LEGEND = 236;
const AXIS = 72;
/** Of text in the size of a legend; wide letters are outweighed by narrow ones. */
const CHARACTER = 5.6;
const SMALL = 10;
const MEANT = { good: "#1a7f37", warning: "#9a6700", bad: "#cf222e" } as const;
const TOP = 26;
const BOTTOM = 18;

const numbersOf = ({ line }: Shown): readonly (readonly [number, number])[] =>
  line.values
    .map(([atS, value]) => [atS, Number(value)] as const)
    .filter(([, value]) => Number.isFinite(value));

const lastOf = (shown: Shown): number | undefined => numbersOf(shown).at(-1)?.[1];

export function numbers(
  { unit, thresholds }: Panel,
  shown: readonly Shown[],
  { width, height }: Size,
): string {
  const value = shown[0] === undefined ? undefined : lastOf(shown[0]);
  const said = value === undefined ? "no data" : say(value, unit);
  return text(width / 2, height / 2 + 20, said, {
    size: 26,
    weight: "bold",
    anchor: "middle",
    tone: value === undefined ? GREY : toneOf(value, thresholds),
  });
}

function toneOf(value: number, thresholds: Panel["thresholds"]): string {
  if (thresholds === undefined) return "#0969da";
  const { warning, bad, below } = thresholds;
  if (below ? value < bad : value >= bad) return "#cf222e";
  return warning !== undefined && value >= warning ? "#9a6700" : "#1a7f37";
}

export function curves({ unit }: Panel, shown: readonly Shown[], size: Size, range: Range): string {
  const largestFirst = shown
    .filter((each) => numbersOf(each).length > 0)
    .toSorted((one, other) => peakOf(other) - peakOf(one));
  if (largestFirst.length === 0)
    return text(size.width / 2, size.height / 2, "no data", { tone: GREY, anchor: "middle" });
  const drawn = largestFirst.slice(0, COLOURS.length);
  const top = roundedUp(Math.max(...drawn.map(peakOf)), unit);
  const plot = { left: AXIS, right: size.width - LEGEND, top: TOP, bottom: size.height - BOTTOM };
  const x = (atS: number): number =>
    plot.left + ((atS - range.fromS) / (range.toS - range.fromS)) * (plot.right - plot.left);
  const y = (value: number): number => plot.bottom - (value / top) * (plot.bottom - plot.top);
  const lines = [0, 0.5, 1].map((part) => {
    const at = Math.round(y(top * part));
    const rule = `<path d="M${plot.left} ${at}H${plot.right}" stroke="#eaeef2"/>`;
    return (
      rule + text(plot.left - 5, at + 4, say(top * part, unit), { size: SMALL, tone: GREY, anchor: "end" })
    );
  });
  const paths = drawn.map((each, at) => {
    const points = numbersOf(each).map(([atS, value]) => `${Math.round(x(atS))} ${Math.round(y(value))}`);
    return `<path d="M${points.join("L")}" fill="none" stroke="${colourOf(each, at)}" stroke-width="1.5"/>`;
  });
  const legends = drawn.map((each, at) => {
    const lineY = TOP + 10 + at * 18;
    const said = say(lastOf(each) ?? 0, unit);
    const charsMax = Math.floor((LEGEND - 28) / CHARACTER) - said.length - 1;
    const words = `${shortened(each.legend, charsMax)} ${said}`;
    const dot = `<circle cx="${plot.right + 12}" cy="${lineY - 4}" r="4" fill="${colourOf(each, at)}"/>`;
    return dot + text(plot.right + 20, lineY, words, { size: SMALL });
  });
  const minutes = Math.round((range.toS - range.fromS) / 60);
  const times = [
    text(plot.left, size.height - 5, `−${minutes} min`, { size: SMALL, tone: GREY }),
    text(plot.right, size.height - 5, "now", { size: SMALL, tone: GREY, anchor: "end" }),
  ];
  return [...lines, ...paths, ...legends, ...times].join("");
}

function colourOf({ legend }: Shown, at: number): string {
  const meaning = MEANINGS[legend];
  return meaning === undefined ? (COLOURS[at] ?? GREY) : MEANT[meaning];
}

const peakOf = (shown: Shown): number => Math.max(0, ...numbersOf(shown).map(([, value]) => value));

const ROWS_MAX = 5;

export function rows(_: Panel, shown: readonly Shown[], { width }: Size): string {
  const labels = [...new Set(shown.flatMap(({ line }) => Object.keys(line.metric)))];
  const column = (width - 16) / Math.max(1, labels.length);
  const head = labels.map((label, at) => text(8 + at * column, 38, label, { size: 11, tone: GREY }));
  const cells = shown
    .slice(0, ROWS_MAX)
    .flatMap(({ line }, row) =>
      labels.map((label, at) => text(8 + at * column, 58 + row * 18, line.metric[label] ?? "", { size: 11 })),
    );
  return [...head, ...cells].join("");
}
