import type { Ended } from "#action/runner/process.ts";
import type { ToolId } from "#action/tools.ts";
import type { Auth, Claim, Harness as HarnessId, Provider } from "#core/wire/contract.ts";
import type { HarnessInfo } from "#core/wire/harnesses.ts";
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
   * It tries again whatever it is told, by a refusal's status and by its words: so the gateway tells it in words of its own.
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
