import { z } from "zod";
import { ClaimedAgent, ClaimedFollowUp } from "./claimed-agent.ts";
import { DETECTABLE } from "./detectable.ts";
import { Observation } from "./observation.ts";
import { Session } from "./session.ts";
import { storable } from "./text.ts";

/**
 * The contract between the app and the Action that runs inside the dispatched job.
 *
 * `{attempt}` is what the dispatch's input of that name says: the id of the attempt's lease. A move continues an attempt
 * under another lease, which is another run.
 *
 * `POST {PUBLIC_URL}/runs/{attempt}/claim`      Authorization: Bearer <GitHub OIDC token>    body ClaimRequest  → Claim
 * `POST {PUBLIC_URL}/runs/{attempt}/heartbeat`  Authorization: Bearer <Claim.runToken>       body Heartbeat     → HeartbeatReply
 * `POST {PUBLIC_URL}/runs/{attempt}/outcome`    Authorization: Bearer <Claim.runToken>       body Outcome       → OutcomeReply
 *
 * Answers: 200 with the body named above; otherwise `Refusal`. 400 not of the contract · 401 token missing, wrong or
 * expired · 403 a valid token of something else, or of no attempt at all · 404 an id that can't be one · 409 the attempt
 * is not in a state that allows this (never retried) · 413 too large · 5xx or no answer: retry.
 * Nothing the Action sends is a point in time: spans only, by its own monotonic clock.
 *
 * The Action is pinned by commit in workflows that the app's operator may update later than the app. So the app reads
 * requests strictly, of this version and the one before, and answers in the version that was asked in; the Action reads
 * answers leniently: what it doesn't know it leaves out, and a word it doesn't know (a new harness) is its own clear
 * refusal, never a parse error.
 */
export const CONTRACT_VERSION = 2;
/** What the version before lacks has a default here. */
export const Contract = z.literal([CONTRACT_VERSION - 1, CONTRACT_VERSION]);

/** The largest outcome the app reads, in bytes of JSON. The Action refuses to build a larger one. */
export const MAX_OUTCOME_BYTES = 8 * 1024 * 1024;

/** The audience of the OIDC token is the app's `PUBLIC_URL` without a trailing slash. */
export function oidcAudience(publicUrl: string): string {
  return publicUrl.replace(/\/+$/, "");
}

export const SIZES = ["xs", "s", "m", "l", "xl"] as const;
export const Size = z.enum(SIZES);
export type Size = z.infer<typeof Size>;

export const TIERS = ["light", "standard", "frontier"] as const;
export const Tier = z.enum(TIERS);
export type Tier = z.infer<typeof Tier>;

export const HARNESSES = ["claude-code", "codex", "opencode"] as const;
export const Harness = z.enum(HARNESSES);
export type Harness = z.infer<typeof Harness>;

export const PROVIDERS = ["anthropic", "openai", "openrouter"] as const;
export const Provider = z.enum(PROVIDERS);
export type Provider = z.infer<typeof Provider>;

/**
 * How a provider is shown a credential: as an API key, as the token of a person's subscription, as a workspace's access
 * token, or not at all: the job's own identity is exchanged for a token of some minutes.
 */
export const AUTHS = ["api-key", "oauth", "access-token", "workload-identity"] as const;
export type Auth = (typeof AUTHS)[number];

export const EFFORTS = ["low", "medium", "high"] as const;
export const Effort = z.enum(EFFORTS);
export type Effort = z.infer<typeof Effort>;

/** A git object id of a SHA-1 repository, 40 lower-case hex digits. */
export const ObjectId = z.string().regex(/^[0-9a-f]{40}$/);

const count = z.number().int().nonnegative();
/** Far above what one job can use; a sum of many stays an exact number. */
const tokens = count.max(1_000_000_000);

/** Text the app keeps, in any form a harness or a repository may give it. */
const text = (max: number) => z.string().max(max).transform(storable);

/**
 * Micro-dollars per million tokens, so that a token count times a price, over a million, is micro-dollars. `cacheWrite` is
 * for entries that live five minutes, `cacheWrite1h` for those that live an hour.
 */
export const Price = z.object({ input: count, output: count, cacheRead: count, cacheWrite: count, cacheWrite1h: count });
export type Price = z.infer<typeof Price>;

/**
 * `harnesses`: those this Action can run; `knows`: what it follows of `KNOWN`. No other takes a lease that it would not do right.
 */
export const ClaimRequest = z.strictObject({
  contract: Contract,
  harnesses: z.array(z.string().max(50)).max(20),
  knows: z.array(z.string().max(50)).max(20).default([]),
});
export type ClaimRequest = z.infer<typeof ClaimRequest>;

export const Claim = z.object({
  contract: Contract,
  /** Good for this attempt's heartbeat and outcome alone. */
  runToken: z.string(),
  /** Milliseconds from the receipt of this answer until the lease ends; the gateway refuses model calls after it. */
  deadlineMs: count,
  heartbeatEveryMs: count,
  brief: z.object({ repository: z.string(), issue: count, title: z.string(), body: z.string() }),
  /** `token` reads one repository, for one fetch, and is revoked before the sandbox starts. */
  checkout: z.object({ cloneUrl: z.url(), base: ObjectId, token: z.string() }),
  /** Words, not the closed lists above: an older Action must be able to read them and say which it doesn't know. */
  route: z.object({
    tier: z.string(),
    harness: z.string(),
    /** Not in contract 1, which knew one. */
    provider: z.string().default("anthropic"),
    model: z.string(),
    effort: z.string().nullable(),
    maxTurns: count.min(1),
  }),
  /** Of `AUTHS`: what the key in the job's environment is. */
  auth: z.string(),
  /** Of `workload-identity`: what its provider must be told beside the job's own identity. */
  identity: z.record(z.string(), z.string()).nullable().default(null),
  budget: z.object({ microUsd: count, price: Price }),
  /**
   * Shell commands of the repository's settings. `setup` may reach package registries; `verify` reaches nothing. Instead of
   * a list `verify` may say `detect`: what the checkout itself shows how to run; any other word: nothing runs in the job.
   */
  commands: z.object({ setup: z.array(z.string()), verify: z.union([z.array(z.string()), z.string()]) }),
  agent: ClaimedAgent.optional(),
  followUp: ClaimedFollowUp.optional(),
  /** How often the harness may be shown a check that fails after its work. */
  repairs: count.default(2),
  limits: z.object({ maxFiles: count, maxBytes: count }),
  /** What the outcome's file is sealed to (sealed.ts). Of an app that gives none, or one of a later form, no file is made. */
  outcomeKey: z
    .string()
    .regex(/^[\w-]{43}$/)
    .nullable()
    .catch(null),
  /** What the run before this one had changed when its credential's limit ended it, or its attempt: the work goes on from there. */
  resume: z.array(z.lazy(() => Change)).default([]),
  /**
   * What attempts before this one came to, each under another route, for the harness: it may hold what a repository's code has
   * printed, and so is data. `resume` is then what the last of them had changed, until a run of this one has reported.
   */
  handOver: z.string().optional(),
  /** That run's conversation, where it could be kept. */
  session: Session.optional(),
  /** Of a trial: tests laid over the work where the checks judge it. Set-up and harness never see them; they are no part of the change. */
  overlay: z.array(z.lazy(() => Change)).optional(),
});
export type Claim = z.infer<typeof Claim>;

export const Usage = z.strictObject({
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: tokens,
  /** Written to the cache for five minutes. */
  cacheWriteTokens: tokens,
  /** Written to the cache for an hour, at another price. */
  cacheWrite1hTokens: tokens,
  /** The part of the output that nobody reads. */
  reasoningTokens: tokens.default(0),
});
export type Usage = z.infer<typeof Usage>;

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  reasoningTokens: 0,
};

export const PHASES = ["fetch", "setup", "harness", "verify", "report"] as const;
export const Heartbeat = z.strictObject({
  contract: Contract,
  phase: z.enum(PHASES),
  /** Of the attempt so far, as `usage`: they only grow. */
  modelCalls: count,
  usage: Usage,
  /** null before the provider's first answer. */
  observation: Observation.nullable(),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/** `stop`: the task was cancelled or the lease lost; the job ends and reports what it has. */
export const HeartbeatReply = z.object({ stop: z.boolean() });
export type HeartbeatReply = z.infer<typeof HeartbeatReply>;

/** How a harness process ended. `completed` says nothing about the work tree. */
export const ENDINGS = [
  "completed",
  "turnLimit",
  "budgetExhausted",
  "repeating",
  "rateLimited",
  "quotaExhausted",
  "overloaded",
  "authFailed",
  "billing",
  "modelNotFound",
  "timedOut",
  "crashed",
  "providerError",
] as const;
export const EndingKind = z.enum(ENDINGS);
export type EndingKind = z.infer<typeof EndingKind>;

export const Ending = z.strictObject({
  kind: EndingKind,
  /** What the harness or provider said, cut to 2,000 characters; null when it said nothing. */
  detail: text(2_000).nullable(),
  turns: count.nullable(),
  finalMessage: text(20_000).nullable(),
});
export type Ending = z.infer<typeof Ending>;

/** Refused, not mended: a path altered on its way is another path. */
const Path = z
  .string()
  .min(1)
  .max(4_096)
  .refine((path) => storable(path) === path, "is not a path that can be stored");

/** One changed path, as `git add` would store it. `content` is base64; null only for a deletion. */
export const Change = z.discriminatedUnion("status", [
  z.strictObject({
    status: z.enum(["added", "modified"]),
    path: Path,
    /** Symlinks (120000) and submodules (160000) are reported so that the app can refuse them by name. */
    mode: z.enum(["100644", "100755", "120000", "160000"]),
    /** Git's id of the blob: the app computes it again from `content`. */
    blob: ObjectId,
    content: z.base64(),
  }),
  z.strictObject({ status: z.literal("deleted"), path: Path }),
]);
export type Change = z.infer<typeof Change>;

/** What is kept of a failed check's output, in UTF-16 units. */
export const MAX_CHECK_OUTPUT = 4_000;

export const Verification = z.strictObject({
  command: text(1_000),
  /** null when it was killed at a limit. */
  exitCode: z.number().int().nullable(),
  /** What matters of what it printed; empty where it passed at once. */
  output: text(MAX_CHECK_OUTPUT),
  ms: count,
  /**
   * How the same command ended on the untouched checkout. `failed`: it failed there; where it fails now, with the same exit
   * code, and no failure that its output did not name there. `failedOtherwise`: it fails now, and failed there with another
   * exit code or other failures. `unknown`: it did not end there.
   */
  before: z.enum(["passed", "failed", "failedOtherwise", "unknown"]),
  /** It failed, and passed when it was run again on the same files: `exitCode` is 0, `output` the first run's. */
  flaky: z.boolean(),
});
export type Verification = z.infer<typeof Verification>;

/**
 * The checks that judge the work, and where they come from: the repository's settings; what its files at base show; or none
 * in the job, because its CI on the draft decides (`ci`).
 */
export const Checks = z.discriminatedUnion("source", [
  z.strictObject({ source: z.literal("settings"), commands: z.array(text(1_000)).min(1).max(20) }),
  z.strictObject({ source: z.literal("detected"), commands: z.array(z.enum(DETECTABLE)).min(1).max(20) }),
  z.strictObject({ source: z.literal("ci"), commands: z.tuple([]) }),
]);
export type Checks = z.infer<typeof Checks>;

/** A shell's word, 126 or 127, for a program that it can't execute or doesn't find: a fault of the place, not of the work. */
export function couldNotStart(exitCode: number | null | undefined): boolean {
  return exitCode === 126 || exitCode === 127;
}

/** `user`: a separate user, where the kernel refuses namespaces. `none`: the demo's scripted model where bubblewrap can't run, alone. */
export const SANDBOXES = ["srt", "user", "none"] as const;
export type SandboxKind = (typeof SANDBOXES)[number];

/** Why a job ended before its harness did any work. None is a fault of the work. */
export const BLOCKED_REASONS = [
  "keyMissing",
  "harnessUnavailable",
  "sandboxUnavailable",
  "fetchFailed",
  "setupFailed",
  "changesUnreadable",
  /** A trial's tests fail nowhere without the work, so they could not judge it. */
  "nothingToProve",
  "internal",
] as const;

/** `stopped`: by a signal, before this was all: its run was cancelled, or its runner shuts down. Which, the run's conclusion says. Not told by older Actions. */
const Reported = { contract: Contract, stopped: z.literal(true).optional(), ms: count };

export const Outcome = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("blocked"),
    reason: z.enum(BLOCKED_REASONS),
    detail: text(2_000),
    usage: Usage,
    observation: Observation.nullable(),
    ...Reported,
  }),
  z.strictObject({
    kind: z.literal("ran"),
    ending: Ending,
    /** From the key gateway's meter, the one place that knows. `estimated` when a stream was cut before its final figures. */
    usage: Usage,
    modelCalls: count,
    estimated: z.boolean(),
    /** As of the outcome's making: sent again, it is the same. */
    observation: Observation.nullable(),
    harnessVersion: text(100),
    sandbox: z.enum(SANDBOXES),
    checks: Checks,
    verification: z.array(Verification).max(20),
    /** Of a trial: the same checks with its tests and without the work, up to the first that fails. */
    control: z.array(Verification).max(20).optional(),
    changes: z.array(Change).max(2_000),
    /** Where its credential's limit ended it and another may go on. */
    session: Session.optional(),
    ...Reported,
  }),
]);
export type Outcome = z.infer<typeof Outcome>;

export const OutcomeReply = z.object({ accepted: z.literal(true) });
export type OutcomeReply = z.infer<typeof OutcomeReply>;

export const Refusal = z.object({ error: z.string(), fix: z.string() });
export type Refusal = z.infer<typeof Refusal>;
