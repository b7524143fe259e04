/** `set_config` is a function like any other to the facts, and `U&"…"` can spell its name with escapes. */
export function mentionsPath(text: string): boolean {
  return /set_config|search_path|u&"/i.test(text);
}
