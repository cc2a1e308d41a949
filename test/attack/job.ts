import { randomUUID } from "node:crypto";
import { gitBlobId } from "#core/change/guards.ts";
import { type Change, type Claim, NO_USAGE, type Outcome } from "#core/wire/contract.ts";
import type { JobIdentity } from "#playground/oidc.ts";
import type { QueuedRun } from "#playground/types.ts";
import { PRODUCT, type World } from "#playground/world.ts";
import type { Siege } from "./kit.ts";

/** A dispatched run that nobody executes: the test is its job. */
export type Job = { readonly issue: number; readonly run: QueuedRun; readonly attempt: string; readonly credential: string };

/** An issue labelled by someone who may, up to its dispatch. */
export async function dispatchedJob(siege: Siege, text: { title?: string; body?: string } = {}): Promise<Job> {
  const { maintainer, github } = siege.world;
  const issue = { title: text.title ?? "The last page is missing", body: text.body ?? "Pages are cut off.", labels: ["agent"] };
  const { number } = await maintainer.openIssue(PRODUCT, issue);
  const run = await github.host.takeRun(AbortSignal.timeout(20_000));
  if (run === undefined) throw new Error(`nothing was dispatched:\n${siege.world.app.output().slice(-3_000)}`);
  await siege.quiet();
  return { issue: number, run, attempt: run.inputs["attempt"] ?? "", credential: run.inputs["credential"] ?? "" };
}

let checkRuns = 5_000;

/** What GitHub states of this job: every claim right. */
export function identityOf(world: World, { run, credential }: Job, environment: string | undefined = credential): JobIdentity {
  checkRuns += 1;
  return {
    repository: run.repository,
    run: { id: run.id, number: run.number, attempt: 1 },
    checkRunId: checkRuns,
    actor: run.actor,
    workflow: { name: "agent-pool", path: run.workflow.path },
    event: run.event,
    ref: run.ref,
    refProtected: run.refProtected,
    sha: run.sha,
    environment,
    audience: world.app.url,
  };
}

export type Answer = { readonly status: number; readonly text: string; readonly json: Record<string, unknown> };

export async function send(world: World, path: string, token: string | null, body: unknown): Promise<Answer> {
  const response = await fetch(`${world.app.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = {};
  }
  return { status: response.status, text, json: json as Record<string, unknown> };
}

export const claimAs = (world: World, attempt: string, token: string) =>
  send(world, `/runs/${attempt}/claim`, token, { contract: 1, harnesses: ["claude-code"] });
export const beatAs = (world: World, attempt: string, token: string) =>
  send(world, `/runs/${attempt}/heartbeat`, token, {
    contract: 1,
    phase: "harness",
    modelCalls: 0,
    usage: USAGE,
    observation: null,
  });
export const reportAs = (world: World, attempt: string, token: string | null, outcome: unknown) =>
  send(world, `/runs/${attempt}/outcome`, token, outcome);

/** A job that holds its lease. */
export async function claimedJob(
  siege: Siege,
  text?: { title?: string; body?: string },
): Promise<Job & { runToken: string; claim: Claim }> {
  const job = await dispatchedJob(siege, text);
  const answer = await claimAs(siege.world, job.attempt, await siege.world.oidc.mint(identityOf(siege.world, job)));
  if (answer.status !== 200) throw new Error(`the right claim was refused: ${answer.text}`);
  const claim = answer.json as Claim;
  return { ...job, runToken: claim.runToken, claim };
}

const USAGE = { ...NO_USAGE, inputTokens: 1_000, outputTokens: 200 };

type Stored = Exclude<Change, { status: "deleted" }>;

export function added(path: string, content: string | Buffer = "content\n", overrides: Partial<Stored> = {}): Stored {
  const bytes = Buffer.from(content);
  return { status: "added", path, mode: "100644", blob: gitBlobId(bytes), content: bytes.toString("base64"), ...overrides };
}

type Ran = Extract<Outcome, { kind: "ran" }>;

/** An outcome as an honest job reports it. */
export function ran(changes: readonly Change[] = [added(`notes/${randomUUID()}.md`)], overrides: Partial<Ran> = {}): Ran {
  return {
    kind: "ran",
    contract: 1,
    ending: { kind: "completed", detail: null, turns: 3, finalMessage: "I made the change." },
    usage: USAGE,
    modelCalls: 3,
    estimated: false,
    observation: null,
    harnessVersion: "2.1.330",
    sandbox: "srt",
    checks: { source: "ci", commands: [] },
    verification: [],
    changes: [...changes],
    ms: 60_000,
    ...overrides,
  };
}
