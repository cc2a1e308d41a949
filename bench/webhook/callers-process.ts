import { connect } from "node:net";
import { requestOf, type Request, type Template } from "./deliveries.ts";

/**
 * Deliveries of the issues from `first` on, by so many callers: each has one connection and sends its next one as soon as it is answered.
 * In a process of their own, over bare sockets and with bytes made beforehand, so that they cost less than what they measure.
 */
export type Load = {
  readonly address: string;
  readonly secret: string;
  readonly template: Template;
  readonly first: number;
  /** Sent before the clock starts. */
  readonly warm: number;
  readonly count: number;
  readonly callers: number;
  /** Once so many are acknowledged, an empty message says so. */
  readonly tellAfter?: number;
};
export type Measured = {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The ids of the deliveries that were answered with 200, warm-up included. */
  readonly acknowledged: readonly string[];
  /** Why not all were; undefined where they were. */
  readonly broken: string | undefined;
};

const HEAD_END = "\r\n\r\n";

/** Whether the text is one whole answer. */
function isWhole(text: string): boolean {
  const end = text.indexOf(HEAD_END);
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  return end >= 0 && text.length >= end + HEAD_END.length + Number(length ?? Number.NaN);
}

async function measure({ address, secret, template, first, warm, count, callers, tellAfter }: Load): Promise<Measured> {
  const requests = Array.from({ length: warm + count }, (_, at) => requestOf(template, secret, address, first + at));
  const acknowledged: string[] = [];
  const times: number[] = [];
  let broken: string | undefined;
  let next = 0;
  let began = Number.NaN;
  let ended = Number.NaN;

  const [host = "", port = ""] = address.split(":");
  const call = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(Number(port), host).setNoDelay(true).setEncoding("latin1");
      let sent: { readonly at: number; readonly request: Request; readonly measured: boolean } | undefined;
      let answer = "";
      const end = (why?: string): void => {
        broken ??= why;
        socket.removeAllListeners().on("error", () => {}).destroy(); // prettier-ignore
        resolve();
      };
      const send = (): void => {
        const request = requests[next];
        if (request === undefined || broken !== undefined) return end();
        const measured = next >= warm;
        if (next === warm) began = performance.now();
        next += 1;
        answer = "";
        sent = { at: performance.now(), request, measured };
        socket.write(request.bytes);
      };
      socket.on("data", (text: string) => {
        answer += text;
        if (sent === undefined || !isWhole(answer)) return;
        if (!answer.startsWith("HTTP/1.1 200")) return end(answer.slice(0, 600));
        if (acknowledged.push(sent.request.id) === tellAfter) process.send?.({});
        ended = performance.now();
        if (sent.measured) times.push(ended - sent.at);
        send();
      });
      socket.once("connect", send);
      socket.once("error", ({ message }) => end(message));
      socket.once("close", () => end("the connection was closed"));
    });
  await Promise.all(Array.from({ length: callers }, call));

  times.sort((a, b) => a - b);
  const quantile = (share: number): number => times[Math.ceil(share * times.length) - 1] ?? 0;
  return {
    perSecond: times.length / ((ended - began) / 1_000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    acknowledged,
    broken,
  };
}

process.on("message", (load: Load) => {
  measure(load).then(
    (measured) => process.send?.(measured),
    (error: unknown) => {
      throw error;
    },
  );
});
process.once("disconnect", () => process.exit());
