import { performance } from "node:perf_hooks";
import { MAX_SPAN_MS, type Observation, readingKey, type Signal, type WindowReading } from "#core/wire/observation.ts";
import { observeAnswer, observeEvent, type ProviderAnswer } from "#core/wire/observe.ts";
import { EpochMs, MINUTE_MS } from "#core/wire/units.ts";

/** What one attempt has seen of its credential's limits: of each window the last word, and what the last answer means. */
export type Observer = {
  /** An answer of the provider to a model call. @returns what it means, where it is a refusal. */
  saw(answer: Omit<ProviderAnswer, "model" | "now">): Signal | null;
  /** An event of the harness's own stream. */
  heard(event: Record<string, unknown>): void;
  /** Null until an answer was seen. */
  observation(): Observation | null;
};

export type Clocks = { readonly monotonic: () => number; readonly wall: () => number };
const CLOCKS: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/** A window that later answers no longer tell of is left out; the heartbeats before have told it. */
const STALE_MS = 5 * MINUTE_MS;

type Seen = { readonly reading: WindowReading; readonly at: number; readonly by: "answer" | "event" };

export function makeObserver(model: string, { monotonic, wall }: Clocks = CLOCKS): Observer {
  const readings = new Map<string, Seen>();
  let last: { readonly signal: Signal | null; readonly at: number } | undefined;
  let upstream: string | null = null;
  let seat = false;
  return {
    saw(answer) {
      const at = monotonic();
      const observed = observeAnswer({ ...answer, model, now: EpochMs(wall()) });
      last = { signal: observed.signal, at };
      for (const reading of observed.readings) readings.set(readingKey(reading), { reading, at, by: "answer" });
      seat ||= observed.readings.some((it) => it.window !== "tokens-minute");
      upstream = seat ? null : (observed.upstream ?? upstream);
      return observed.signal;
    },
    /**
     * Whatever the sandbox runs can write into the harness's output, so an event adds only what no answer tells: a window
     * by name that has no header, of a credential that answers have shown to be a seat. It refuses nothing.
     */
    heard(event) {
      if (!seat) return;
      for (const reading of observeEvent(event, { model, now: EpochMs(wall()) }).readings) {
        const key = readingKey(reading);
        if (readings.get(key)?.by !== "answer")
          readings.set(key, { reading: { ...reading, rejected: false }, at: monotonic(), by: "event" });
      }
    },
    observation() {
      if (last === undefined) return null;
      const newest = Math.max(last.at, ...[...readings.values()].map((it) => it.at));
      const fresh = [...readings.values()].filter((it) => newest - it.at <= STALE_MS);
      // One moment for all of it, the oldest: what was seen later counts its spans from there too.
      const from = Math.min(last.at, ...fresh.map((it) => it.at));
      return {
        readings: fresh.map(({ reading, at }) => ({ ...reading, resetsInMs: later(reading.resetsInMs, at - from) })),
        signal: last.signal && signalFrom(last.signal, last.at - from),
        upstream,
        ageMs: later(0, monotonic() - from),
      };
    },
  };
}

function signalFrom(signal: Signal, ms: number): Signal {
  if (signal.kind === "quota") return { ...signal, resetsInMs: later(signal.resetsInMs, ms) };
  if (signal.kind === "throttle") return { ...signal, retryAfterMs: later(signal.retryAfterMs, ms) };
  return signal;
}

function later<T extends number | null>(span: T, ms: number): T extends null ? null : number;
function later(span: number | null, ms: number): number | null {
  return span === null ? null : Math.min(MAX_SPAN_MS, Math.round(span + ms));
}
