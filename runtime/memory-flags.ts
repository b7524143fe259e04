/**
 * How Node is to treat memory in a process of many sessions, which are most of what it holds and mostly ask nothing. Left alone, V8 lets
 * what is young take 48 MB, and what is old grow to four times what is in use before it looks: docs/decisions/0055 has what each costs.
 */
export const MEMORY_FLAGS: readonly string[] = ["--max-semi-space-size=4", "--heap-growing-percent=40"];
