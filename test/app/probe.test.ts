import { describe, expect, it } from "vitest";
import { probe } from "#app/probe.ts";
import { err, ok } from "#core/wire/result.ts";
import type { RunIdentity } from "#ports/runtime.ts";
import type { KeptPolicy } from "#ports/store.ts";
import { SIX_LINES } from "#playground/world.ts";

const RUN: RunIdentity = {
  repositoryId: "20",
  repositoryOwnerId: "10",
  eventName: "workflow_dispatch",
  workflowRef: "acme/agent-runner/.github/workflows/agent-pool.yml@refs/heads/main",
  ref: "refs/heads/main",
  refProtected: "true",
  environment: "platform-api",
  actorId: "1",
  runId: "5",
  runAttempt: "1",
  checkRunId: "6",
};
const POLICY: KeptPolicy = { text: SIX_LINES, commit: "c".repeat(40), ageMs: 0 };

const ask = (identity: Awaited<ReturnType<Parameters<typeof probe>[0]["runtime"]["verifyIdentity"]>>, policy?: KeptPolicy) =>
  probe(
    {
      store: { readPolicy: () => Promise.resolve(policy) },
      runtime: { verifyIdentity: () => Promise.resolve(identity) },
    },
    "token",
  );

describe("a probe that shows who it is", () => {
  it("is answered, before the owner's policy is known and after", async () => {
    expect(await ask(ok(RUN))).toMatchObject({ ok: true });
    expect(await ask(ok(RUN), POLICY)).toMatchObject({ ok: true });
  });

  it.each<{ why: string; changed: Partial<RunIdentity>; says: string }>([
    { why: "was pushed", changed: { eventName: "push" }, says: "started by no dispatch" },
    { why: "is a re-run", changed: { runAttempt: "2" }, says: "re-run" },
    { why: "is of an open branch", changed: { refProtected: "false" }, says: "branch is protected" },
    {
      why: "is of another repository",
      changed: { workflowRef: "acme/other/.github/workflows/agent-pool.yml@refs/heads/main" },
      says: "another repository or workflow",
    },
    {
      why: "is of another workflow",
      changed: { workflowRef: "acme/agent-runner/.github/workflows/mine.yml@refs/heads/main" },
      says: "another repository or workflow",
    },
    { why: "is of another branch's workflow", changed: { ref: "refs/heads/mine" }, says: "another repository or workflow" },
    { why: "is in another environment", changed: { environment: "elsewhere" }, says: "no environment of the policy" },
  ])("is told what a claim would be refused for where it $why", async ({ changed, says }) => {
    const refused = await ask(ok({ ...RUN, ...changed }), POLICY);

    expect(refused).toMatchObject({ ok: false, error: { status: 403, error: expect.stringContaining(says) as string } });
  });

  it("is not known by a token of nobody's, and asked to come again where GitHub doesn't answer", async () => {
    expect(await ask(err("invalid"))).toMatchObject({ ok: false, error: { status: 401 } });
    expect(await ask(err("unavailable"))).toMatchObject({ ok: false, error: { status: 503 } });
  });
});
