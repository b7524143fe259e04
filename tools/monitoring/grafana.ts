/** A dashboard in Grafana's JSON, of the schema that Grafana 10 and later read. */
import { COLUMNS, type Dashboard, MEANINGS, type Panel, type Variable, linesOf } from "./dashboard.ts";

const HEIGHTS = { stat: 4, timeseries: 8, table: 8 } satisfies Record<Panel["kind"], number>;
const SCHEMA_VERSION = 39;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

export function grafana({ uid, title, question, variables, rows }: Dashboard): object {
  return {
    uid,
    title,
    description: question,
    tags: ["sallyport"],
    editable: true,
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    // From each to the others.
    links: [
      { type: "dashboards", tags: ["sallyport"], title: "Sallyport", asDropdown: true, keepTime: true },
    ],
    templating: { list: [datasource, ...variables.map(variableOf)] },
    panels: panelsOf(rows),
  };
}

const datasource = {
  type: "datasource",
  name: "datasource",
  label: "Data source",
  query: "prometheus",
  current: {},
  hide: 0,
};

function variableOf({ name, label, metric, from }: Variable): object {
  const query = `label_values(${metric}, ${from})`;
  return {
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    // When the range of time changes: what is gone has no value then.
    refresh: 2,
    sort: 1,
    current: {},
    hide: 0,
  };
}

function panelsOf(rows: Dashboard["rows"]): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: inRow } of rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    for (const line of linesOf(inRow)) {
      // Beside a curve a number has its height, so that no hole is left.
      const h = Math.max(...line.map(({ kind }) => HEIGHTS[kind]));
      let x = 0;
      for (const panel of line) {
        panels.push(panelOf(panel, panels.length + 1, { x, y, w: panel.width, h }));
        x += panel.width;
      }
      y += h;
    }
  }
  return panels;
}

function panelOf(panel: Panel, id: number, gridPos: object): object {
  const { title, kind, description, unit, queries, thresholds } = panel;
  return {
    id,
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + at),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      ...(kind === "timeseries" ? { range: true } : { instant: true, range: false }),
      ...(kind === "table" ? { format: "table" } : {}),
    })),
    fieldConfig: {
      defaults: {
        ...unitOf(unit),
        min: 0,
        thresholds: { mode: "absolute", steps: stepsOf(thresholds) },
        ...(kind === "timeseries" ? { custom: customOf(thresholds) } : {}),
      },
      overrides: queries.some(({ legend }) => legend === "{{outcome}}") ? OUTCOMES : [],
    },
    ...LOOKS[kind],
  };
}

const MEANT = { good: "green", warning: "orange", bad: "red" } as const;
const OUTCOMES = Object.entries(MEANINGS).map(([name, meaning]) => ({
  matcher: { id: "byName", options: name },
  properties: [{ id: "color", value: { mode: "fixed", fixedColor: MEANT[meaning] } }],
}));

const LOOKS = {
  stat: {
    options: {
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      colorMode: "value",
      graphMode: "none",
    },
  },
  timeseries: {
    options: {
      legend: { displayMode: "table", placement: "right", showLegend: true, calcs: ["lastNotNull", "max"] },
      tooltip: { mode: "multi", sort: "desc" },
    },
  },
  table: {
    options: { showHeader: true },
    transformations: [{ id: "organize", options: { excludeByName: { Time: true, Value: true } } }],
  },
} satisfies Record<Panel["kind"], object>;

function unitOf(unit: Panel["unit"]): object {
  if (unit !== "bool") return { unit };
  const texts = { 0: { text: "no", index: 0 }, 1: { text: "yes", index: 1 } };
  return { unit: "short", mappings: [{ type: "value", options: texts }] };
}

function customOf(thresholds: Panel["thresholds"]): object {
  const lines = { lineWidth: 1, fillOpacity: 10, showPoints: "never", spanNulls: false };
  return thresholds === undefined ? lines : { ...lines, thresholdsStyle: { mode: "dashed" } };
}

function stepsOf(thresholds: Panel["thresholds"]): readonly object[] {
  if (thresholds === undefined) return [{ color: "blue", value: null }];
  const { warning, bad, below } = thresholds;
  if (below)
    return [
      { color: "red", value: null },
      { color: "green", value: bad },
    ];
  return [
    { color: "green", value: null },
    ...(warning === undefined ? [] : [{ color: "orange", value: warning }]),
    { color: "red", value: bad },
  ];
}
