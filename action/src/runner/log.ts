import { performance } from "node:perf_hooks";
import * as core from "@actions/core";

/**
 * The job's log: one line a phase, with the time since the start. Readers of the runner repository see it, who may not
 * see the code: so no source, diff, model text or text of the issue is ever passed here.
 */
export type Log = (phase: string, facts?: Readonly<Record<string, string | number | boolean>>) => void;

export function makeLog(): Log {
  const started = performance.now();
  return (phase, facts = {}) => {
    const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(7);
    const told = Object.entries(facts).map(([name, value]) => `${name}=${String(value)}`);
    core.info([`${seconds} s  ${phase}`, ...told].join("  "));
  };
}
