import type { EndingKind, Outcome, Provider, Verification } from "#core/wire/contract.ts";
import type { Fault, FaultEffect } from "../model/faults.ts";
import type { Script } from "../model/script.ts";

/** The harnesses, each with a provider that it alone speaks to here, so that all three formats are played. */
export const HARNESSES = [
  { harness: "claude-code", provider: "anthropic", model: "claude-sonnet-5-5" },
  { harness: "codex", provider: "openai", model: "gpt-6.1-sol" },
  { harness: "opencode", provider: "openrouter", model: "qwen/qwen3-coder" },
] as const satisfies readonly { harness: string; provider: Provider; model: string }[];
export type Played = (typeof HARNESSES)[number];

type Ran = Extract<Outcome, { kind: "ran" }>;

/** One thing that can happen to a job, and how it must end. */
export type Case = {
  readonly name: string;
  readonly expected: EndingKind;
  readonly script: Script | ((prompt: string) => Script);
  readonly faults?: (provider: Provider) => readonly Fault[];
  readonly verify?: readonly string[];
  readonly microUsd?: number;
  readonly deadlineMs?: number;
  /** The harness's own process is killed once it waits for the model. */
  readonly kill?: true;
  /** It goes on in another job, with another key, from what the first had changed. */
  readonly move?: true;
  /** What else must hold; says what doesn't. */
  readonly check: (seen: Seen) => readonly string[];
};

/** Harnesses that go on with a conversation, where others begin anew with what is in the files. */
const GOES_ON: ReadonlySet<string> = new Set(["claude-code", "codex"]);

export type Seen = {
  readonly harness: string;
  readonly outcome: Ran;
  readonly upstreamRequests: number;
  readonly files: Readonly<Record<string, string>>;
};

const EDIT: Script = [{ write: { path: "a.txt", content: "new\n" } }, { say: "Made it new." }];
const TWO: Script = [
  { write: { path: "a.txt", content: "new\n" } },
  { write: { path: "b.txt", content: "more\n" } },
  { say: "Made both." },
];

const always = (effect: FaultEffect) => (): readonly Fault[] => [{ effect, times: Infinity }];
const once =
  (effect: FaultEffect, after = 0) =>
  (): readonly Fault[] => [{ effect, after }];

/** As each provider says that an allotment is used up. */
const USED_UP: Readonly<Record<Provider, FaultEffect>> = {
  anthropic: {
    kind: "status",
    status: 400,
    body: {
      type: "error",
      error: {
        type: "invalid_request_error",
        message: "You have reached your specified API usage limits. You will regain access on 2027-01-01 at 00:00 UTC.",
      },
    },
  },
  openai: quota("You exceeded your current quota, please check your plan and billing details."),
  openrouter: quota("Key limit exceeded (monthly limit)."),
};

function quota(message: string): FaultEffect {
  return { kind: "status", status: 429, body: { error: { type: "insufficient_quota", code: "insufficient_quota", message } } };
}

/** The limit of a subscription, as a 429: seats of Anthropic's in headers, OpenAI's in the body. */
const LIMIT_429: Readonly<Record<Provider, FaultEffect>> = {
  ...USED_UP,
  anthropic: {
    kind: "status",
    status: 429,
    headers: {
      "retry-after": "7200",
      "x-should-retry": "true",
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-representative-claim": "five_hour",
      "anthropic-ratelimit-unified-5h-status": "rejected",
      "anthropic-ratelimit-unified-5h-utilization": "1.0",
    },
  },
};

const edited = ({ files }: Seen) => (files["a.txt"] === "new\n" ? [] : ["a.txt is not as the model wrote it"]);
const untouched = ({ files }: Seen) => (Object.keys(files).length === 0 ? [] : [`changed: ${Object.keys(files).join(", ")}`]);
const atMost =
  (most: number) =>
  ({ upstreamRequests }: Seen) =>
    upstreamRequests <= most ? [] : [`${String(upstreamRequests)} requests, at most ${String(most)}`];
const all =
  (...checks: readonly Case["check"][]) =>
  (seen: Seen) =>
    checks.flatMap((check) => check(seen));
const passed = ({ outcome }: Seen) =>
  outcome.verification.every(({ exitCode }: Verification) => exitCode === 0) ? [] : ["a check failed"];

const FAILING = "echo 'not ok 1 - a'; exit 1";
const REPAIRED = /fails after your change/;

export const CASES: readonly Case[] = [
  { name: "success", expected: "completed", script: EDIT, check: edited },
  {
    name: "denied edit",
    expected: "completed",
    script: [{ run: "echo x >> .git/config" }, { run: "echo x > .github/workflows/x.yml" }, { say: "It can't be written." }],
    check: untouched,
  },
  {
    name: "429 short",
    expected: "completed",
    script: EDIT,
    faults: once({ kind: "status", status: 429, headers: { "retry-after": "1" } }),
    check: edited,
  },
  {
    name: "429 quota",
    expected: "quotaExhausted",
    script: EDIT,
    faults: (provider) => [{ effect: LIMIT_429[provider], times: Infinity }],
    check: all(untouched, atMost(3)),
  },
  { name: "529", expected: "overloaded", script: EDIT, faults: always({ kind: "status", status: 529 }), check: atMost(9) },
  { name: "401", expected: "authFailed", script: EDIT, faults: always({ kind: "status", status: 401 }), check: atMost(3) },
  { name: "402", expected: "billing", script: EDIT, faults: always({ kind: "status", status: 402 }), check: atMost(3) },
  {
    name: "model missing",
    expected: "modelNotFound",
    script: EDIT,
    faults: always({ kind: "status", status: 404 }),
    check: atMost(9),
  },
  {
    name: "hang",
    expected: "timedOut",
    script: TWO,
    faults: () => [{ effect: { kind: "hang" }, after: 1, times: Infinity }],
    deadlineMs: 30_000,
    check: edited,
  },
  {
    name: "killed",
    expected: "crashed",
    script: TWO,
    faults: () => [{ effect: { kind: "hang" }, after: 1, times: Infinity }],
    kill: true,
    check: edited,
  },
  {
    name: "cut mid-stream",
    expected: "completed",
    script: EDIT,
    faults: once({ kind: "cut", afterEvents: 3 }),
    check: edited,
  },
  {
    name: "budget reached",
    expected: "budgetExhausted",
    script: [
      { write: { path: "a.txt", content: "new\n" } },
      ...Array.from({ length: 60 }, (_, nth) => ({ run: `true ${String(nth)}` })),
    ],
    microUsd: 600_000,
    check: edited,
  },
  {
    name: "deadline passed",
    expected: "timedOut",
    script: [
      { write: { path: "a.txt", content: "new\n" } },
      ...Array.from({ length: 60 }, (_, nth) => ({ run: `sleep 2 # ${String(nth)}` })),
    ],
    deadlineMs: 30_000,
    check: edited,
  },
  {
    name: "the same failing call",
    expected: "repeating",
    script: [{ write: { path: "a.txt", content: "new\n" } }, ...Array.from({ length: 60 }, () => ({ run: FAILING }))],
    check: all(edited, atMost(9)),
  },
  {
    name: "repair then success",
    expected: "completed",
    script: (prompt) => (REPAIRED.test(prompt) ? [...EDIT.slice(0, 1), { write: { path: "fixed", content: "" } }] : EDIT),
    // It passes before the work: one that fails then already is none of the work's to mend.
    verify: ["grep -q old a.txt || test -e fixed"],
    check: all(edited, passed),
  },
  {
    name: "credential exhausted then moved",
    expected: "completed",
    script: TWO,
    faults: (provider) => [{ effect: USED_UP[provider], after: 1, times: Infinity, keys: [FIRST_KEY] }],
    move: true,
    check: all(
      edited,
      ({ files }) => (files["b.txt"] === "more\n" ? [] : ["b.txt is missing"]),
      // The first job's two, then what is left of three turns, or all three of them.
      (seen) => atMost(GOES_ON.has(seen.harness) ? 4 : 5)(seen),
    ),
  },
];

export const FIRST_KEY = "sk-ant-api03-the-first-key";
export const SECOND_KEY = "sk-ant-api03-the-second-key";
