import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type Answer, bodyOf, BURST_EVENTS, CLOSING, DELTA, DUMMY, JSON_ANSWER, OPENING, PACED } from "./traffic.ts";

/**
 * The callers, in a process of their own: each has one connection and asks again as soon as it is answered. Bare sockets and
 * bytes made beforehand, so that the callers cost less than anything they measure.
 */
export type Load = {
  readonly address: string;
  /** The process to measure; undefined where nothing stands in between. */
  readonly pid: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: Answer;
  readonly bodyBytes: number;
  readonly callers: number;
  readonly warmMs: number;
  readonly ms: number;
};
export type Measured = {
  readonly perSecond: number;
  /** Processor time of the measured process, all its threads', a call. NaN where there is none. */
  readonly cpuMicros: number;
  /** Of all streams of a long answer: the time from one arrival of data to the next. */
  readonly gapP99Ms: number;
};

const LEAST_BYTES: Record<Answer, number> = {
  json: JSON_ANSWER.length,
  burst: OPENING.length + BURST_EVENTS * DELTA.length + CLOSING.length,
  paced: OPENING.length + PACED.events * DELTA.length + CLOSING.length,
  long: OPENING.length,
};

type Tally = { counting: boolean; answers: number; readonly gaps: number[]; failure: string | undefined };

function requestOf({ address, headers, answer, bodyBytes }: Load): Buffer {
  const body = bodyOf(bodyBytes, answer !== "json");
  const all = {
    host: address, "x-api-key": DUMMY, "anthropic-version": "2023-06-01", "content-type": "application/json", accept: "application/json",
    "user-agent": "claude-cli/2.1.330 (external, sdk-cli)", "content-length": String(Buffer.byteLength(body)), ...headers,
  }; // prettier-ignore
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /v1/messages?beta=true HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** One caller. Reads only as much of an answer as says where it ends, and that it is a good one. */
function call(load: Load, request: Buffer, tally: Tally): Socket {
  const [host = "", port = ""] = load.address.split(":");
  const socket = connect(Number(port), host).setNoDelay(true);
  let head: { readonly length: number | undefined } | undefined;
  let unread = Buffer.alloc(0);
  let bytes = 0;
  let last = 0;
  const ask = (): void => {
    head = undefined;
    bytes = 0;
    last = 0;
    socket.write(request);
  };
  socket.on("data", (data) => {
    let body = data;
    if (head === undefined) {
      unread = unread.length === 0 ? data : Buffer.concat([unread, data]);
      const end = unread.indexOf(HEAD_END);
      if (end < 0) return;
      const text = unread.subarray(0, end).toString("latin1").toLowerCase();
      if (!text.startsWith("http/1.1 200")) tally.failure ??= unread.toString("utf8").slice(0, 600);
      const length = /\r\ncontent-length: (\d+)/.exec(text)?.[1];
      head = { length: length === undefined ? undefined : Number(length) };
      body = unread.subarray(end + HEAD_END.length);
      unread = Buffer.alloc(0);
    }
    bytes += body.length;
    if (load.answer === "long" && tally.counting) {
      const now = performance.now();
      if (last > 0) tally.gaps.push(now - last);
      last = now;
    }
    const ended = head.length === undefined ? body.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) : bytes >= head.length;
    if (!ended) return;
    if (bytes < LEAST_BYTES[load.answer]) tally.failure ??= `an answer of ${String(bytes)} bytes`;
    if (tally.counting) tally.answers += 1;
    ask();
  });
  socket.once("connect", ask);
  socket.once("error", (error) => (tally.failure ??= error.message));
  socket.once("end", () => (tally.failure ??= "the connection was closed"));
  return socket;
}

/** Nanoseconds that a process's threads have run: the first figure of `schedstat` (kernel, Documentation/scheduler/sched-stats.rst). */
function cpuNanos(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  const threads = `/proc/${String(pid)}/task`;
  const each = readdirSync(threads).map((it) => Number(readFileSync(`${threads}/${it}/schedstat`, "utf8").split(" ", 1)[0]));
  return each.reduce((sum, it) => sum + it, 0);
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(load: Load): Promise<Measured> {
  const request = requestOf(load);
  const tally: Tally = { counting: false, answers: 0, gaps: [], failure: undefined };
  const sockets: Socket[] = [];
  for (let caller = 0; caller < load.callers; caller += 1) {
    sockets.push(call(load, request, tally));
    if (load.answer === "long") await wait(1); // so that the streams' events don't fall together
  }
  await wait(load.warmMs);
  const began = performance.now();
  const cpuBegan = cpuNanos(load.pid);
  tally.counting = true;
  await wait(load.ms);
  tally.counting = false;
  const cpuMicros = (cpuNanos(load.pid) - cpuBegan) / 1_000 / tally.answers;
  const seconds = (performance.now() - began) / 1_000;
  for (const socket of sockets)
    socket
      .removeAllListeners()
      .on("error", () => {})
      .destroy();
  if (tally.failure !== undefined) throw new Error(tally.failure);
  const gaps = tally.gaps.toSorted((a, b) => a - b);
  return { perSecond: tally.answers / seconds, cpuMicros, gapP99Ms: gaps[Math.floor(gaps.length * 0.99)] ?? 0 };
}

process.on("message", (load: Load) => {
  measure(load).then(
    (measured) => process.send?.(measured),
    (cause: unknown) => process.send?.({ failure: String(cause) }),
  );
});
process.once("disconnect", () => process.exit());
