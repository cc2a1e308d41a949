import type { AllowanceName } from "#core/pool/windows.ts";
import type { Job, Workload } from "./workload.ts";

/** What a run tells of its account: every window as the provider reports it. */
export type Sighting = {
  readonly name: AllowanceName;
  readonly model: string | null;
  readonly share: number;
  readonly resetsAt: number;
};

export type Run = { readonly id: number; readonly job: Job; readonly seat: number; readonly startedAt: number };

export type Ending =
  | { readonly how: "done"; readonly spent: number }
  /** Ended by the provider; `until`: the last reset of what was full, `model`: the one it is full for, or null for all. */
  | { readonly how: "limit"; readonly spent: number; readonly until: number; readonly model: string | null }
  /** The key was refused. */
  | { readonly how: "refused"; readonly spent: number }
  /** Nothing was heard of it before its deadline. */
  | { readonly how: "unheard" };

/** What chooses. It is told what the system it stands for would learn, and nothing else. */
export type Policy = {
  /** A job waits: it arrived, or a run of it was ended on each of `movedFrom`. */
  readonly queued: (job: Job, movedFrom: readonly number[], now: number) => void;
  readonly decide: (now: number) => Choice;
  readonly began: (run: Run) => void;
  readonly seen: (run: Run, spent: number, sightings: readonly Sighting[], now: number) => void;
  readonly ended: (run: Run, ending: Ending, now: number) => void;
  /** Leases it believes to be alive. */
  readonly live: () => number;
};

export type Choice =
  | { readonly kind: "grant"; readonly job: Job; readonly seat: number }
  /** `until`: when it wants to be asked again though nothing happened; null: never. */
  | { readonly kind: "wait"; readonly until: number | null };

export type PolicyMaker = {
  readonly name: string;
  /** Jobs at once on a seat; a grant beyond it is a double grant. */
  readonly maxLive: number;
  readonly make: (setting: { readonly workload: Workload; readonly teams: readonly Team[]; readonly seed: number }) => Policy;
};

export type Team = { readonly name: string; readonly weight: number };

/** After a limit a seat rests a minute longer than reported: reports of a reset jitter. */
export const GRACE_MS = 60_000;
