import type { Usage } from "#core/wire/contract.ts";
import { parseRecord } from "#core/wire/json.ts";
import type { Metered, StreamReader } from "./wires/wire.ts";

/** Reads what one model call used, from the bytes of its answer, however they are cut into chunks. */
export type Meter = {
  read(chunk: Uint8Array): void;
  /** What the call used; undefined when the answer was cut before it named any figures. Called once, at its end. */
  end(): Metered | undefined;
  /** The error with which a stream broke off that had begun well; undefined where none did. */
  failure(): Record<string, unknown> | undefined;
};

/** A line longer than this is no usage event (these are under 2 kB); it is skipped, never buffered without bound. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;
/** The largest JSON answer kept for metering. 128,000 output tokens are under 1 MB. */
const MAX_JSON_BYTES = 16 * 1024 * 1024;

const DATA = "data:";
const NEXT_DATA = `\n${DATA}`;

export function makeSseMeter(reader: StreamReader): Meter {
  const decoder = new TextDecoder();
  let pending = "";
  let skipping = false;

  /** The data of one line. */
  function readData(from: number, to: number): void {
    if (reader.count?.(pending, from) === true) return;
    const event = parseRecord(pending.slice(from, to));
    if (event !== undefined) reader.read(event);
  }

  /** Where the first line of data begins, at `from`, where a line begins, or later; -1 where there is none. */
  function findData(from: number): number {
    if (pending.startsWith(DATA, from)) return from;
    const before = pending.indexOf(NEXT_DATA, from);
    return before === -1 ? -1 : before + 1;
  }

  /** All lines of data from `from` on that end before `to`, where a line begins. */
  function readLines(from: number, to: number): void {
    for (let at = findData(from); at !== -1 && at < to;) {
      const end = pending.indexOf("\n", at);
      readData(at + DATA.length, end);
      at = findData(end + 1);
    }
  }

  return {
    read(chunk) {
      pending += decoder.decode(chunk, { stream: true });
      // A "\r\n" cut in two gives one empty line more, which says nothing.
      if (pending.includes("\r")) pending = pending.replaceAll(/\r\n?/g, "\n");
      const whole = pending.lastIndexOf("\n") + 1;
      if (whole > 0) {
        readLines(skipping ? pending.indexOf("\n") + 1 : 0, whole);
        skipping = false;
        pending = pending.slice(whole);
      }
      if (pending.length > MAX_LINE_CHARS) {
        skipping = true;
        pending = "";
      }
    },
    end() {
      if (!skipping && pending.startsWith(DATA)) readData(DATA.length, pending.length);
      return reader.end();
    },
    failure: () => reader.failure(),
  };
}

/** Meters an answer that is one JSON document. */
export function makeJsonMeter(usageOf: (document: Record<string, unknown>) => Usage | undefined): Meter {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    read(chunk) {
      bytes += chunk.length;
      if (bytes <= MAX_JSON_BYTES) chunks.push(chunk);
    },
    end() {
      if (bytes > MAX_JSON_BYTES) return undefined;
      const document = parseRecord(Buffer.concat(chunks).toString("utf8"));
      const usage = document && usageOf(document);
      return usage === undefined ? undefined : { usage, estimated: false };
    },
    failure: () => undefined,
  };
}
