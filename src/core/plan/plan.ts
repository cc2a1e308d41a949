import type { Price, Size } from "../wire/contract.ts";
import type { ActorId, RepositoryId } from "../wire/ids.ts";
import type { MicroUsd } from "../wire/units.ts";
import type { Policy } from "../config/policy.ts";
import type { Guards } from "../change/guards.ts";
import type { PlannedAgent } from "./agent.ts";
import type { BaseUpdate } from "./base-update.ts";
import type { Ladder } from "./ladder.ts";
import type { Route, RouteReason } from "./route.ts";
import type { SizeReason } from "./size.ts";
import type { Told } from "./told.ts";

/** A person as verified when the task was planned, the team it counts for, and where the work is. */
export type Asker = {
  readonly team: string;
  readonly person: ActorId;
  readonly login: string;
  /** An operator says so. */
  readonly urgent: boolean;
  /** A trial: all others of its team come first, for a day. */
  readonly patient?: true;
  /** It runs on what would be lost (core/pool/spare.ts), after all others. */
  readonly standby?: true;
  readonly repository: { readonly id: RepositoryId; readonly name: string };
};

/**
 * The commands of the repository's settings; those that its files show how to run; or its CI on the draft. `also`: a
 * specialist's, which must pass beside these.
 */
export type Verify = readonly string[] | OwnChecks | { readonly of: OwnChecks; readonly also: readonly string[] };
export type OwnChecks = "detect" | "ci";

/** What says of a repository's own checks which run in the job. Pure. */
export function ownOf(verify: Verify): readonly string[] | OwnChecks {
  return typeof verify === "object" && "of" in verify ? verify.of : verify;
}

/** A specialist's checks where they stand beside those. Pure. */
export function alsoOf(verify: Verify): readonly string[] {
  return typeof verify === "object" && "of" in verify ? verify.also : [];
}

/** None of the repository's own runs in the job. Pure. */
export function leftToCi(verify: Verify): boolean {
  const own = ownOf(verify);
  return own === "ci" || own.length === 0;
}

/** Which files are never changed by a lower tier. */
export type Floors = Policy["routing"]["floors"];

/** Logins, and teams of the owner's by the last part of their address. */
export type Reviewers = { readonly people: readonly string[]; readonly teams: readonly string[] };

/** What was decided before anything was spent: frozen before dispatch; an escalation alone changes its route. */
export type Plan = {
  readonly size: Size;
  readonly confidence: number;
  readonly sizeReasons: readonly SizeReason[];
  /** Of the attempt that is next or under way: the first of the ladder's, until one has ended unverified. */
  readonly route: Route;
  readonly routeReasons: readonly RouteReason[];
  /** That its result is right, and that its checks pass were it no better than its tier (`Prospect`). */
  readonly chance: number;
  readonly expected: number;
  /** The most this attempt may spend on the model, reserved in full before it starts. */
  readonly budget: MicroUsd;
  /** What may follow, and what all of it may cost. Absent in what the release before planned: nothing follows its one attempt. */
  readonly ladder?: Ladder;
  /** The policy's that name paths: they hold for a result as they do for an issue. Absent as the ladder is. */
  readonly floors?: Floors;
  /** The policy sets none. */
  readonly isDefaultBudget: boolean;
  /** How often it may go on with another credential. */
  readonly moves: number;
  /** As the catalogue has it now: gateway and ledger count by the same row, whatever a later version knows. */
  readonly price: Price;
  /** The commit the work starts from, and its tree. Fixed by us: a job can't choose another base. */
  readonly base: { readonly branch: string; readonly commit: string; readonly tree: string };
  /** `minute`: what it costs. */
  readonly runner: { readonly repository: string; readonly workflow: string; readonly minute: MicroUsd };
  readonly policyCommit: string;
  /** Who asks, for fairness and budgets. */
  readonly asker: Asker;
  readonly commands: { readonly setup: readonly string[]; readonly verify: Verify };
  /** How often the harness is shown a check that fails after its work. */
  readonly repairs: number;
  readonly guards: Guards & {
    /** Protected too, but a change that touches them is published, and a person asked. Absent where none are. */
    readonly asking?: readonly string[];
  };
  readonly draft: boolean;
  readonly ci: "approved" | "auto";
  /** The repository's setting; absent: where the base branch needs a review. */
  readonly secondPerson?: boolean;
  /** The specialist that does it; absent: none. */
  readonly agent?: PlannedAgent;
  /** Whom the settings name, and the specialist. Absent: who owns the changed files. */
  readonly reviewers?: Reviewers;
  /** Of a follow-up: what it is told of the pull request. */
  readonly told?: Told;
  /** Of a follow-up whose base had moved on. Absent: that is nothing to it. */
  readonly baseUpdate?: BaseUpdate;
};

/** As this version makes one. */
export type FullPlan = Plan & Required<Pick<Plan, "ladder" | "floors">>;
