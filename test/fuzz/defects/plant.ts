/**
 * Loads the code under test with a defect in it: one fragment of one source is another when it is loaded, and so is every
 * module of the same rooms that leads there. The product has no switch for it.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { DEFECTS, type Planted } from "./defects.ts";

const ROOT = new URL("../../../", import.meta.url).href;
/** A module of these is loaded again for each defect; all others are shared. */
const ROOMS = ["sidecar/protocols/postgres/", "core/wire/postgres/"];
const PARAMETER = "defect";

let isHooked = false;
const plantable = new Map<string, Planted>(DEFECTS.map((each) => [each.name, each]));

/** `import(planted("#sidecar/…", "lost-sync"))`; without a defect it is the module that everybody has. */
export function planted(path: string, defect: string | undefined): string {
  const url = `${ROOT}${path}`;
  if (defect === undefined) return url;
  sourceWith(plantedAs(defect));
  if (!isHooked) hook();
  isHooked = true;
  return `${url}?${PARAMETER}=${defect}`;
}

/** The same with an edit that no fuzzer looks for: a defence that is taken out to show what it stops. */
export function plantedWith(path: string, edit: Planted): string {
  plantable.set(edit.name, edit);
  return planted(path, edit.name);
}

function plantedAs(name: string): Planted {
  const edit = plantable.get(name);
  if (edit === undefined) throw new RangeError(`no defect is called ${name}`);
  return edit;
}

/** The source with the defect in it. Throws when the place is not there, or not the only one. */
export function sourceWith({ name, file, find, become }: Planted): string {
  const source = readFileSync(new URL(file, ROOT), "utf8");
  const places = source.split(find).length - 1;
  if (places !== 1)
    throw new RangeError(
      `the defect ${name} cannot be planted: ${places} places in ${file} read ${JSON.stringify(find)}; give it a new place where it is listed`,
    );
  return source.replace(find, () => become);
}

function hook(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const name =
        context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get(PARAMETER);
      if (name === null || !ROOMS.some((room) => resolved.url.startsWith(ROOT + room))) return resolved;
      return { ...resolved, url: `${resolved.url}?${PARAMETER}=${name}` };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const name = new URL(url).searchParams.get(PARAMETER);
      if (name === null) return loaded;
      const defect = plantedAs(name);
      if (!url.startsWith(`${ROOT}${defect.file}?`)) return loaded;
      return { ...loaded, source: sourceWith(defect) };
    },
  });
}
