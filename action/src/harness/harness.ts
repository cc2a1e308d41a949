import type { Auth, Claim, Ending, EndingKind, Harness as HarnessId, Provider } from "#core/wire/contract.ts";
import type { HarnessInfo } from "#core/wire/harnesses.ts";
import type { Signal } from "#core/wire/observation.ts";
import type { Ended } from "../process.ts";
import type { GatewayFacts } from "../gateway.ts";
import type { ToolId } from "../tools.ts";
import type { Left, Reading } from "./reading.ts";

/**
 * One coding agent's command-line program, as the Action drives it. What it can is told in core/wire/harnesses.ts. Adding one: a
 * file here and a row in table.ts, its pin in pins.json, its row there.
 */
export type Harness = {
  readonly id: HarnessId;
  readonly tool: ToolId;
  readonly info: HarnessInfo;
  command(run: HarnessRun): HarnessCommand;
  read(left: Left): Reading;
  /** The last event of its stream that tells of the credential's limits, if any did. */
  limits?(ended: Ended): Record<string, unknown> | undefined;
  /**
   * It tries again whatever it is told, by a refusal's status and by its words: so the gateway tells it in words of its own
   * (notes/harness-clis.md §4).
   */
  readonly repeatsRefusals: boolean;
  /** How it keeps a conversation, where another job can go on with one. */
  readonly session?: KeptSession;
  /** What of a checkout would configure it, where no flag shuts that out: not shown to it. */
  readonly hides: readonly string[];
  /** Of HOME, what it takes for its user's own wishes: emptied of what set-up has left there. */
  readonly owns: readonly string[];
};

export type KeptSession = {
  /** The folder of all of them, below HOME. */
  readonly root: string;
  /** How the path of one's file ends. */
  readonly fileEnding: (id: string) => string;
  /** Where a file must stand, below `root`, for a checkout in another folder. */
  readonly moved: (path: string, repo: string) => string;
};

export type HarnessRun = {
  readonly executable: string;
  /** `127.0.0.2:<port>` */
  readonly gateway: string;
  readonly provider: Provider;
  /** What `dummy` stands for. */
  readonly auth: Auth;
  readonly dummy: string;
  readonly home: string;
  readonly route: Claim["route"];
  /** The most output that a call may ask for. */
  readonly maxTokens: number;
  readonly maxTurns: number;
  readonly session: Session;
  /** A file of further instructions, or undefined. */
  readonly guide: string | undefined;
  readonly prompt: string;
};

/** `first`: a UUID for a harness that lets its session be named. `resume`: as the harness named it. */
export type Session = { readonly kind: "first" | "resume"; readonly id: string };

export type HarnessCommand = { readonly line: string; readonly env: Readonly<Record<string, string>>; readonly input: string };

/** What the provider's last refusal means for a run, by what the gateway made of it. */
const BY_SIGNAL = {
  quota: "quotaExhausted",
  throttle: "rateLimited",
  overload: "overloaded",
  auth: "authFailed",
  billing: "billing",
} as const satisfies Record<Exclude<Signal["kind"], "unknown">, EndingKind>;

/** Endings that a provider's refusal brings about. */
const OF_PROVIDER: ReadonlySet<EndingKind> = new Set([...Object.values(BY_SIGNAL), "modelNotFound", "providerError"]);

/**
 * An ending as reported. What a harness prints can be forged by what it runs, and some endings cool a credential down: so of
 * a provider's refusals the gateway's word counts, which saw them. Its own refusals are known to it alone.
 */
export function confirmEnding(ending: Ending, facts: GatewayFacts): Ending {
  if (ending.kind === "completed" || ending.kind === "turnLimit") return ending;
  if (facts.refusedForBudget) return { ...ending, kind: "budgetExhausted" };
  if (facts.refusedForTime) return { ...ending, kind: "timedOut" };
  if (!OF_PROVIDER.has(ending.kind)) return ending;
  const { lastError, observation } = facts;
  const kind = (lastError !== null && observation?.signal?.kind) || "unknown";
  if (kind !== "unknown") return { ...ending, kind: BY_SIGNAL[kind] };
  // The sandbox can provoke a 400 whenever it likes, so one proves nothing.
  const isOfModel = lastError?.status === 404 || (lastError?.status === 403 && ending.kind === "modelNotFound");
  return { ...ending, kind: isOfModel ? "modelNotFound" : "providerError" };
}

/** A word of a shell command line. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
