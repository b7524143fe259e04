/** One object as it was judged last, so that it is judged again only when what policy reads of it has changed. */
import type { OwnKind } from "../kube/resource.ts";
import { documentOf } from "../admission/kinds/document.ts";
import { type Judgement, judgeKind } from "../admission/kinds/judge.ts";

export interface Known {
  readonly object: OwnKind;
  /** What policy reads of it. */
  readonly text: string;
  readonly judgement: Judgement;
  readonly generation: number | undefined;
  /** The last version that was good; this one, when it is. */
  readonly good?: { readonly judgement: Judgement; readonly generation: number | undefined };
}

export function readAgain(object: OwnKind, uid: string, last: Known | undefined): Known {
  if (last?.object === object) return last;
  const { generation } = object.metadata;
  const file = documentOf(object, uid);
  const text = "text" in file ? file.text : "";
  // A new status is a new version of the object, but says nothing new here.
  if (last?.text === text) return { ...last, object, generation };
  const good = last?.good === undefined ? {} : { good: last.good };
  return { object, text, judgement: judgeKind(object, uid), generation, ...good };
}
