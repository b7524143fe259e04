/** What each row and measure says to a reader. */
import type { RowId } from "./rows/row.ts";

export const MEASURES: Readonly<Record<string, string>> = {
  p50Us: "p50 µs",
  p99Us: "p99 µs",
  addedP50Us: "added p50 µs",
  addedP99Us: "added p99 µs",
  firstAddedP50Us: "added p50 µs at first",
  perSecond: "per second",
  cpuUs: "processor µs each",
  p50Ms: "p50 ms",
  p90Ms: "p90 ms",
  p99Ms: "p99 ms",
  ofWindowed: "of windowed",
  seconds: "seconds",
  megabytes: "MB",
  ratio: "of direct",
  cpuMs: "processor ms",
  peakMb: "peak MB",
  residentMb: "MB in all",
  sessions: "sessions",
  kbEach: "kB each",
  openedPerSecond: "opened per second",
};

export interface RowWords {
  readonly title: string;
  /** What was done, and how to read it. */
  readonly explained: string;
  readonly limits: string;
  /** Whose frames tell more. */
  readonly profile?: string;
}

export const WORDS = {
  "latency-simple": {
    title: "One client, one row, simple protocol",
    explained:
      "One client asks every target in turn, in random order, for one row of five columns by its key; each text is a new one. Added is what " +
      "it waits beyond the direct connection in the same rounds. Most of what any hop adds is the kernel waking two more processes. Every " +
      "target has done ten thousand such transactions before; `at first` is what the first 300 of a new process have waited, most of whose " +
      "code Node.js has not compiled yet.",
    limits:
      "A read, a look at every message and a write each way, in a process whose code and objects others have pushed out of the processor's " +
      "caches meanwhile: some 4 µs of our own where everything is hot (`make bench-path`), several times that here. The trail keeps nobody " +
      "waiting: what was asked is digested, sealed and sent behind the answers.",
    profile: "simple",
  },
  "latency-prepared": {
    title: "One client, one row, prepared",
    explained:
      "The same statement prepared once and executed with another key each time: Bind, Describe, Execute, Sync, as libpq sends them.",
    limits:
      "The decision is known. What is left is the walk over more messages, since what each name stands for has to be known at every moment, " +
      "and the redaction.",
    profile: "prepared",
  },
  "latency-strict": {
    title: "One client, durable first",
    explained:
      "The same through a Connection with `trail: {reads: durableFirst}`: the statement is forwarded only once its record is durable on the " +
      "broker's disk, which is what every write pays.",
    limits:
      "One `fdatasync` of the disk for each statement, and two more processes to be woken. One client cannot share it with anybody.",
    profile: "strict",
  },
  "processor-simple": {
    title: "Processor time of a transaction, simple protocol",
    explained:
      "Eight clients that ask as fast as they can. User and system time of all processes of the target, divided by transactions: for the " +
      "gateway supervisor, broker and workers, with what they do behind the answers. Where client, server and gateway share the processors " +
      "this says more than throughput does.",
    limits:
      "Half of what is beyond the relay is evidence: each text is digested with the session's key, and what was asked and came of it is put " +
      "together, sent, checked, encrypted and stored by another process. The rest is spread thin: the text's shape, the decision, two " +
      "redacted values, some objects for each message. A text of a known shape is not parsed.",
    profile: "simple",
  },
  "processor-prepared": {
    title: "Processor time of a transaction, prepared",
    explained: "The same with a prepared statement, which most drivers and ORMs send.",
    limits:
      "Evidence as before, but for a text that is digested once, and more messages a transaction than the simple protocol has.",
    profile: "prepared",
  },
  "throughput-64": {
    title: "64 clients: within a window, and durable first",
    explained:
      "The same query through two Connections of one gateway, and how much of the throughput is left where every record has to be durable before " +
      "its statement leaves. Many clients wait for the same `fdatasync` together, so the price is much lower than for one.",
    limits: "How many records one `fdatasync` takes along, and the disk's own latency.",
    profile: "strict",
  },
  "bulk-plain": {
    title: "195 MB, nothing to redact",
    explained:
      "A million rows of five columns as one result, read as fast as they come. Under a policy whose masks touch none of them.",
    limits:
      "Reading, walking over frames and writing; a result that overlaps with the server's own work may be faster than direct.",
    profile: "bulk-plain",
  },
  "bulk-redacted": {
    title: "195 MB, two of five columns redacted",
    explained:
      "The same rows with two columns redacted in every one of them. The redacted result is smaller, as redacted values are short.",
    limits: "Two values of a million rows found, counted and replaced.",
    profile: "bulk-redacted",
  },
  connect: {
    title: "From nothing to the first row",
    explained:
      "Connect, sign in, ask for one row. Direct, haproxy and the relay sign in with the client's own password, whose key takes the client " +
      "a millisecond to derive; pgbouncer has a connection to the server left from before. The gateway goes this way, and half of its time " +
      "is the server's own: its new process, the sign-in, the first look at its catalogs. (1) The kernel says whose the connection is: no more " +
      "than 25 µs. (2) The broker verifies the caller's token, which it reads anew, while keys of the record are made durable: about a sixth. " +
      "(3) The opening is put on record, durable before there is a lease: a twelfth. (4) The lease, for which the password is read: a " +
      "sixteenth. (5) The server is dialled, while the lease is put on record. (6) The proof, made by the broker once that is durable: a " +
      "sixteenth. (7) The server is asked for its search path and its role, by which statements will be read. (8) The statement.",
    limits:
      "The server's new process; a record that is durable before a lease, and one before a proof; files that are read anew at each session, " +
      "so that what was changed or taken back holds from the next one on.",
  },
  active: {
    title: "2,000 sessions, all asking",
    explained:
      "Each asks again as soon as it has its answer, through connections of their own to the server.",
    limits: "Server, client and gateway share the processors with 2,000 processes of the server.",
  },
  idle: {
    title: "8,000 idle sessions",
    explained:
      "Opened and then silent, in front of a script that signs clients in as PostgreSQL does. Memory of all processes of the target beyond " +
      "what they weighed before, divided by sessions; a session has two sockets.",
    limits:
      "Sockets and their buffers in Node.js, the session's keys, policy and record. How fast they are opened: some four milliseconds of " +
      "processor time each, a third of it the broker's, none of which stands out.",
  },
} as const satisfies Record<RowId, RowWords>;
