import { readdir } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { CONTRACT_VERSION, HARNESSES, Heartbeat, Outcome } from "#core/wire/contract.ts";
import { CHECKOUT_TOKEN, RUN_TOKEN } from "#playground/stage/app.ts";
import { containing, matching } from "./kit/matchers.ts";
import { type Reply, type Seen, sendError, sendStream, turnOf } from "./kit/model.ts";
import { KEY, setStage } from "./kit/stage.ts";
import { installed, requireSandbox } from "./kit/tool-cache.ts";

const bash = (command: string): { tool: string; input: Record<string, unknown> } => ({
  tool: "Bash",
  input: { command, description: "work" },
});
const edit: Reply = (response, { body }) =>
  sendStream(response, turnOf(body) === 0 ? bash("echo new > a.txt; cp AGENTS.md b.md") : { text: "Made it new." });

function toTexts(outcome: Outcome | undefined): Record<string, string> {
  const changes = outcome?.kind === "ran" ? outcome.changes : [];
  return Object.fromEntries(
    changes.map((it) => [it.path, it.status === "deleted" ? "" : Buffer.from(it.content, "base64").toString("utf8")]),
  );
}

describe("the job", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    requireSandbox();
    await installed("claude-code");
    await installed("srt");
  }, 300_000);

  test("claims, works, verifies and reports, and leaves nothing on the machine", async () => {
    await using stage = await setStage({
      reply: edit,
      setup: ["touch ~/set-up"],
      verify: ["test -e ~/set-up", "grep -q new a.txt"],
    });

    const job = await stage.run();

    expect(job.status).toBe(0);
    const [outcome] = stage.app.outcomes;
    expect(Outcome.parse(outcome)).toMatchObject({
      kind: "ran", ending: { kind: "completed", turns: 2, finalMessage: "Made it new." }, sandbox: "srt", modelCalls: 2, estimated: false, harnessVersion: "claude-code 2.1.330",
      usage: { inputTokens: 200, outputTokens: 84, cacheReadTokens: 20, cacheWriteTokens: 10, cacheWrite1hTokens: 0 }, verification: [{ exitCode: 0 }, { exitCode: 0 }], observation: { readings: [], signal: null },
      changes: [{ path: "a.txt", status: "modified", content: Buffer.from("new\n").toString("base64") }, { path: "b.md", status: "added" }],
    }); // prettier-ignore
    expect(stage.app.events).toEqual(["claim", "git", "revoke", "outcome"]);
    expect(stage.app.heartbeats.map((it) => it.phase)).toContain("harness");
    expect(Heartbeat.parse(stage.app.heartbeats.at(-1)).observation).toMatchObject({ signal: null });
    expect(stage.model.seen.every((it) => it.headers["x-api-key"] === KEY)).toBe(true);
    expect(JSON.stringify(stage.model.seen[0]?.body)).toContain("Write British English.");
    expect(await readdir(stage.temp)).toEqual(["_runner_file_commands"]);
    expect(job.files.GITHUB_STEP_SUMMARY).toContain("| checks | 2 of 2 passed |");
    expect(job.uploaded).toBeUndefined();
    expect(job.post).toBe("");
  });

  test("publishes the harness's work, without what set-up and verification leave beside it", async () => {
    await using stage = await setStage({
      reply: (response, { body }) =>
        sendStream(response, turnOf(body) === 0 ? bash("echo new > a.txt; cat set-up.txt > seen.txt") : { text: "Done." }),
      setup: ["echo made > set-up.txt; echo locked > lock.txt"],
      verify: ["grep -q new a.txt", "echo altered > a.txt; echo altered > AGENTS.md; echo x > coverage.txt; rm seen.txt"],
      files: { "lock.txt": "old\n" },
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ kind: "ran", verification: [{ exitCode: 0 }, { exitCode: 0 }] });
    expect(toTexts(outcome)).toEqual({ "a.txt": "new\n", "seen.txt": "made\n" });
  });

  test("goes on from what an interrupted run had changed, and publishes it with its own work", async () => {
    const blob = (text: string) => ({ blob: "0".repeat(40), content: Buffer.from(text).toString("base64") });
    await using stage = await setStage({
      reply: (response, { body }) =>
        sendStream(response, turnOf(body) === 0 ? bash("cat begun.txt > a.txt; ls gone.txt run.sh") : { text: "Done." }),
      // What set-up leaves where a path leads is written over, not through.
      setup: ["mkdir ../outside; ln -s ../outside/target begun.txt; echo by-product > left.txt"],
      verify: ["grep -q begun a.txt", "test ! -e ../outside/target", "test -x run.sh"],
      files: { "gone.txt": "old\n" },
      resume: [
        { status: "added", path: "begun.txt", mode: "100644", ...blob("begun\n") },
        { status: "added", path: "deep/run.sh", mode: "100755", ...blob("#!/bin/sh\n") },
        { status: "added", path: "run.sh", mode: "100755", ...blob("#!/bin/sh\n") },
        { status: "deleted", path: "gone.txt" },
      ],
    });

    const job = await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ kind: "ran", verification: [{ exitCode: 0 }, { exitCode: 0 }, { exitCode: 0 }] });
    expect(toTexts(outcome)).toEqual({
      "a.txt": "begun\n",
      "begun.txt": "begun\n",
      "deep/run.sh": "#!/bin/sh\n",
      "run.sh": "#!/bin/sh\n",
      "gone.txt": "",
    });
    expect(JSON.stringify(stage.model.seen[0]?.body)).toContain("Another run began this and was interrupted");
    expect(job.log).toContain("goes on from an interrupted run's work");
  });

  test("shows a repair round, and publishes of it, nothing that the checks left behind", async () => {
    const reply: Reply = (response, { body }) => {
      const repairing = JSON.stringify(body["messages"]).includes("fails after your change");
      const steps = repairing
        ? [undefined, bash("cat a.txt > b.txt; ls report.txt >> b.txt; true"), { text: "Repaired." }]
        : [bash("echo new > a.txt"), { text: "Made it." }];
      sendStream(response, steps[turnOf(body)] ?? { text: "Done." });
    };
    await using stage = await setStage({
      reply,
      verify: ["grep -q old a.txt || { echo formatted > a.txt; echo found > report.txt; test -e b.txt; }"],
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ ending: { finalMessage: "Repaired." }, verification: [{ exitCode: 0 }] });
    expect(toTexts(outcome)).toEqual({ "a.txt": "new\n", "b.txt": "new\n" });
  });

  test("judges a trial by tests that nothing but the checks ever sees", async () => {
    const blob = (text: string) => ({ blob: "0".repeat(40), content: Buffer.from(text).toString("base64") });
    await using stage = await setStage({
      // It forges the test, and looks for it everywhere that it can.
      reply: (response, { body }) =>
        sendStream(
          response,
          turnOf(body) === 0
            ? bash("mkdir -p test; echo true > test/new.sh; echo new > a.txt; ls -R . ~ > seen.txt")
            : { text: "Done." },
        ),
      setup: ["ls -R . > set-up.txt"],
      verify: ["for it in test/*.sh; do sh $it || exit 1; done"],
      files: { "test/old.sh": "true\n" },
      overlay: [
        { status: "added", path: "test/new.sh", mode: "100644", ...blob("grep -q new a.txt # THE-HIDDEN-TEST\n") },
        { status: "added", path: "test/hidden.txt", mode: "100644", ...blob("hidden\n") },
      ],
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ kind: "ran", control: [{ exitCode: 1, before: "passed" }], verification: [{ exitCode: 0 }] });
    const texts = toTexts(outcome);
    expect(texts).toMatchObject({ "test/new.sh": "true\n", "a.txt": "new\n" });
    expect(texts["seen.txt"]).toContain("set-up.txt");
    expect(JSON.stringify([texts, stage.model.seen])).not.toMatch(/hidden/i);
  });

  test("shows the model of a trial nothing of what fails, and has it repair nothing", async () => {
    const content = Buffer.from("echo THE-HIDDEN-TEST; grep -q newer a.txt\n").toString("base64");
    await using stage = await setStage({
      reply: edit,
      verify: ["sh test.sh"],
      files: { "test.sh": "true\n" },
      overlay: [{ status: "modified", path: "test.sh", mode: "100644", blob: "0".repeat(40), content }],
    });

    await stage.run();

    expect(stage.app.outcomes[0]).toMatchObject({ kind: "ran", verification: [{ exitCode: 1, before: "passed" }] });
    expect(stage.model.seen).toHaveLength(2);
    expect(JSON.stringify(stage.model.seen)).not.toContain("THE-HIDDEN-TEST");
  });

  test.each([
    ["pass without the work", ["test -e a.txt"], "The tests of the merge pass without its change."],
    ["fail before as after", ["test -e b.txt"], "The tests of the merge pass without its change."],
    ["can't be run", [], "The checkout shows no check that can be run in the job"],
  ])("asks no model where a trial's tests %s", async (_how, verify, said) => {
    await using stage = await setStage({ reply: edit, verify, overlay: [{ status: "deleted", path: "none.txt" }] });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ kind: "blocked", reason: "nothingToProve", detail: containing(said) });
    expect(stage.model.seen).toEqual([]);
  });

  test("verifies with the HOME that set-up left, not the harness's", async () => {
    const forge = "echo script-shell=/bin/true > ~/.npmrc; npm test && echo passed > seen.txt";
    await using stage = await setStage({
      reply: (response, { body }) => sendStream(response, turnOf(body) === 0 ? bash(forge) : { text: "Done." }),
      setup: ["mkdir ~/bin; ln -s /bin/true ~/bin/linter"],
      verify: ["~/bin/linter", "npm test"],
      files: { "package.json": JSON.stringify({ scripts: { test: "exit 7" } }) },
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(toTexts(outcome)).toEqual({ "seen.txt": "passed\n" });
    expect(outcome).toMatchObject({ verification: [{ exitCode: 0 }, { exitCode: 7 }] });
  });

  test("writes neither secrets nor the issue, the code or the model's words into its log", async () => {
    await using stage = await setStage({ reply: edit, verify: ["cat a.txt; exit 3"] });

    const { log } = await stage.run();

    const shown = log.split("\n").filter((line) => !line.startsWith("::add-mask::")).join("\n"); // prettier-ignore
    for (const secret of [KEY, RUN_TOKEN, CHECKOUT_TOKEN, "THE-ISSUE-TEXT", "Made it new", "a.txt"])
      expect(shown).not.toContain(secret);
    for (const secret of [KEY, RUN_TOKEN, CHECKOUT_TOKEN]) expect(log).toContain(`::add-mask::${secret}`);
  });

  test("refuses a change that holds a repository, and keeps the name the model gave it out of its log", async () => {
    const nest = bash("git init -q the-name-of-the-model");
    await using stage = await setStage({
      reply: (response, { body }) => sendStream(response, turnOf(body) === 0 ? nest : { text: "Done." }),
    });

    const { log } = await stage.run();

    expect(stage.app.outcomes).toMatchObject([
      { kind: "blocked", reason: "changesUnreadable", detail: containing("`the-name-of-the-model`") },
    ]);
    expect(log).toContain("changesUnreadable");
    expect(log).not.toContain("the-name-of-the-model");
  });

  test("keeps every secret of the runner out of what the harness runs", async () => {
    const probe =
      "(env; cat /proc/*/environ; cat ~/../hidden/* ../hidden/*; ls -la ../.. ; cat ../../agent-pool-attempt-1.json; git config --list; git remote -v) > seen.txt 2>&1";
    await using stage = await setStage({
      reply: (response, { body }) => sendStream(response, turnOf(body) === 0 ? bash(probe) : { text: "Done." }),
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    const change = outcome?.kind === "ran" ? outcome.changes[0] : undefined;
    const seen =
      change !== undefined && change.status !== "deleted" ? Buffer.from(change.content, "base64").toString("utf8") : "";
    expect(seen).toContain("ANTHROPIC_API_KEY=sk-ant-api03-dummy-");
    for (const secret of [KEY, RUN_TOKEN, CHECKOUT_TOKEN, "ghs_jobToken", "oidc-request-token", "INPUT_"])
      expect(seen).not.toContain(secret);
  });

  test("repairs once, in the same session, what its verification finds", async () => {
    const reply: Reply = (response, { body }) => {
      const repairing = JSON.stringify(body["messages"]).includes("fails after your change");
      const steps = repairing
        ? [undefined, bash("echo better > a.txt"), { text: "Repaired." }]
        : [bash("echo wrong > a.txt"), { text: "Made it." }];
      sendStream(response, steps[turnOf(body)] ?? { text: "Done." });
    };
    await using stage = await setStage({ reply, verify: ["grep -q -e old -e better a.txt || { echo it says wrong; exit 4; }"] });

    const job = await stage.run();

    expect(stage.app.outcomes).toMatchObject([
      { ending: { kind: "completed", turns: 4, finalMessage: "Repaired." }, verification: [{ exitCode: 0 }], modelCalls: 4 },
    ]);
    expect(JSON.stringify(stage.model.seen.at(-1)?.body)).toContain("it says wrong");
    expect(job.log).toMatch(/passed=false.*repair round.*passed=true/s);
  });

  test.each([
    [2, "better", 0, 6],
    [1, "bad", 1, 4],
    [0, "wrong", 1, 2],
  ])("shows the model what fails %i times at most", async (repairs, published, exitCode, modelCalls) => {
    const writes = ["wrong", "bad", "better"];
    const reply: Reply = (response, _seen, nth) =>
      sendStream(response, nth % 2 === 0 ? bash(`echo ${writes[nth / 2] ?? "more"} > a.txt`) : { text: "Wrote it." });
    await using stage = await setStage({ reply, repairs, verify: ["grep -q -e old -e better a.txt"] });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ verification: [{ exitCode, before: "passed" }], modelCalls });
    expect(toTexts(outcome)).toEqual({ "a.txt": `${published}\n` });
  });

  test("finds the checks of a repository that names none, and asks for no repair of what failed before", async () => {
    const script = "echo x >> runs.txt; touch a.txt; echo not ok 1 - the old test; exit 7";
    await using stage = await setStage({
      reply: edit,
      verify: "detect",
      files: { "package.json": JSON.stringify({ scripts: { test: script } }) },
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(Outcome.parse(outcome)).toMatchObject({
      checks: { source: "detected", commands: ["npm test"] },
      verification: [{ command: "npm test", exitCode: 7, before: "failed", flaky: false }],
      modelCalls: 2,
    });
    expect(Object.keys(toTexts(outcome))).toEqual(["a.txt", "b.md"]);
    const told = JSON.stringify(stage.model.seen[0]?.body);
    expect(told).toContain(
      "These fail already, without any change of yours. Don't mend them unless the issue asks for it: `npm test`",
    );
    expect(told).not.toContain("these must succeed");
  });

  test("tells a specialist what its organisation says, and has its checks pass beside the repository's own", async () => {
    await using stage = await setStage({
      reply: edit,
      verify: "detect",
      files: { "package.json": JSON.stringify({ scripts: { test: "true" } }) },
      agent: { name: "docs", instructions: "Write plainly.", paths: ["*.md"], verify: ["grep -q British b.md || exit 5"] },
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(Outcome.parse(outcome)).toMatchObject({
      checks: { source: "detected", commands: ["npm test"] },
      verification: [
        { command: "npm test", exitCode: 0, before: "passed" },
        { command: "grep -q British b.md || exit 5", exitCode: 0, before: "failed" },
      ],
    });
    const told = JSON.stringify(stage.model.seen[0]?.body);
    expect(told).toMatch(/Write plainly\..*THE-ISSUE-TEXT/);
    expect(told).toContain("Change nothing outside of `*.md`");
  });

  test("runs a specialist's checks where the repository shows none, and starts nothing where one can't be started", async () => {
    await using shown = await setStage({ reply: edit, agent: { name: "docs", verify: ["test -e a.txt"] } });
    await using missing = await setStage({ reply: edit, agent: { name: "docs", verify: ["no-such-linter ."] } });

    await shown.run();
    await missing.run();

    expect(shown.app.outcomes).toMatchObject([
      { kind: "ran", checks: { source: "ci", commands: [] }, verification: [{ command: "test -e a.txt", exitCode: 0 }] },
    ]);
    expect(missing.app.outcomes).toMatchObject([
      { kind: "blocked", reason: "setupFailed", detail: containing("no-such-linter") },
    ]);
    expect(missing.model.seen).toEqual([]);
  });

  test("shows the model no check that can't be started on this runner", async () => {
    await using stage = await setStage({ reply: edit, verify: ["tools/no-such-linter"] });

    await stage.run();

    expect(stage.app.outcomes).toMatchObject([
      { ending: { kind: "completed", turns: 2 }, verification: [{ exitCode: 127 }], modelCalls: 2 },
    ]);
  });

  test("asks no model where a check's program is not on this runner: nothing could judge the work", async () => {
    await using stage = await setStage({ reply: edit, verify: ["true", "no-such-linter --fix"] });

    await stage.run();

    expect(stage.model.seen).toEqual([]);
    expect(stage.app.outcomes).toMatchObject([
      { kind: "blocked", reason: "setupFailed", detail: expect.stringContaining("`no-such-linter` is not on the runner's PATH") },
    ]);
  });

  test("isn't deceived by what the model leaves in ignored files, where no reviewer looks", async () => {
    const forge = "echo new > a.txt; echo script-shell=/bin/true > .npmrc; mkdir -p node_modules/.bin; printf '#!/bin/sh\\nexit 0' > node_modules/.bin/check; chmod +x node_modules/.bin/check";
    await using stage = await setStage({
      reply: (response, { body }) => sendStream(response, turnOf(body) === 0 ? bash(forge) : { text: "All checks pass." }),
      files: { ".gitignore": ".npmrc\nnode_modules/\n", "package.json": JSON.stringify({ scripts: { test: "check" } }) },
      setup: ["mkdir -p node_modules/.bin; printf '#!/bin/sh\\ngrep -q old a.txt' > node_modules/.bin/check; chmod +x node_modules/.bin/check"],
      verify: ["npm test"],
      repairs: 0,
    });

    await stage.run();

    expect(toTexts(stage.app.outcomes[0])).toEqual({ "a.txt": "new\n" });
    expect(stage.app.outcomes).toMatchObject([{ ending: { kind: "completed" }, verification: [{ exitCode: 1, before: "passed" }] }]);
  }); // prettier-ignore

  test.each([
    ["a rate limit of the provider", 429, "rate_limit_error", "rateLimited"],
    ["an invalid key", 401, "authentication_error", "authFailed"],
    ["an overloaded provider", 529, "overloaded_error", "overloaded"],
  ])("reports %s after three tries at the most, as what it is", async (_name, status, type, kind) => {
    await using stage = await setStage({ reply: (response) => sendError(response, status, type) });

    await stage.run();

    expect(stage.app.outcomes).toMatchObject([{ kind: "ran", ending: { kind }, changes: [], verification: [] }]);
    expect(stage.model.seen.length).toBeLessThanOrEqual(3);
  });

  test("reports that its seat's five hours are used up, and what was done before", async () => {
    const resetsAt = Math.ceil(Date.now() / 1_000) + 7_200;
    const seat = (status: string, share: string): Record<string, string> => ({
      "anthropic-ratelimit-unified-status": status, "anthropic-ratelimit-unified-representative-claim": "five_hour",
      "anthropic-ratelimit-unified-5h-status": status, "anthropic-ratelimit-unified-5h-utilization": share, "anthropic-ratelimit-unified-5h-reset": String(resetsAt),
    }); // prettier-ignore
    await using stage = await setStage({
      reply: (response, { body }) => {
        if (turnOf(body) > 0) return sendError(response, 429, "rate_limit_error", { ...seat("rejected", "1.01"), "retry-after": "7200", "x-should-retry": "true" }); // prettier-ignore
        for (const [name, value] of Object.entries(seat("allowed_warning", "0.97"))) response.setHeader(name, value);
        sendStream(response, bash("echo new > a.txt"));
      },
    });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(toTexts(outcome)).toEqual({ "a.txt": "new\n" });
    expect(Outcome.parse(outcome).observation).toMatchObject({
      readings: [{ window: "five-hour", share: 1.01, rejected: true }], signal: { kind: "quota", window: "five-hour", scope: null }, upstream: null,
    }); // prettier-ignore
    const { readings = [], ageMs = 0 } = outcome?.observation ?? {};
    expect(Math.abs(Date.now() - ageMs + (readings[0]?.resetsInMs ?? 0) - resetsAt * 1_000)).toBeLessThan(10_000);
    expect(stage.model.seen).toHaveLength(2);
  });

  test("stops at the budget and reports what was done before", async () => {
    // 4,000 output tokens are reserved for a call (60,000 micro-dollars), and about 16,000 of input (61,000).
    await using stage = await setStage({ reply: edit, microUsd: 125_000 });

    await stage.run();

    expect(stage.app.outcomes).toMatchObject([{ ending: { kind: "budgetExhausted" } }]);
  });

  test("stops a hanging harness in time to report within its lease", async () => {
    await using stage = await setStage({ reply: () => {}, deadlineMs: 8_000 });

    await stage.run();

    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({ kind: "ran", ending: { kind: "timedOut" }, estimated: true });
    expect(outcome?.ms).toBeLessThan(8_000);
  });

  test("claims and says so when the environment has no key", async () => {
    await using stage = await setStage({ reply: edit });

    const job = await stage.run({ INPUT_KEY: "" });

    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "keyMissing" }]);
    expect(job).toMatchObject({ status: 1, log: containing("AGENT_POOL_KEY") });
  });

  test("names the harnesses it can run, and says so when the route has another", async () => {
    await using stage = await setStage({ reply: edit, harness: "gemini" });

    const job = await stage.run();

    expect(stage.app.claims).toEqual([
      { contract: CONTRACT_VERSION, harnesses: [...HARNESSES], knows: ["agents", "follow-ups"] },
    ]);
    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "harnessUnavailable", detail: containing("`gemini`") }]);
    expect(stage.app.events).toEqual(["claim", "revoke", "outcome"]);
    expect(job).toMatchObject({ status: 1, log: containing("Raise the commit of the Action in the workflow") });
    expect(job.files.GITHUB_STEP_SUMMARY).toContain("### agent-pool: `harnessUnavailable`");
  });

  test("ends without touching anything when the attempt isn't its own", async () => {
    await using stage = await setStage({ reply: edit });
    stage.app.failures.claim.push(409);

    const job = await stage.run();

    expect(job.status).toBe(1);
    expect(stage.app.events).toEqual(["claim"]);
    expect(job.files).toMatchObject({ GITHUB_STEP_SUMMARY: containing("### agent-pool: no attempt"), GITHUB_OUTPUT: "" });
  });

  test("tells the app, its log and its page what is wrong with a claim that it can't read", async () => {
    await using stage = await setStage({ reply: edit });
    stage.app.claim = { ...stage.app.claim, brief: undefined as never };

    const job = await stage.run();

    const told = containing("`brief` is missing");
    expect(job).toMatchObject({ status: 1, log: told, files: { GITHUB_STEP_SUMMARY: told } });
    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "internal", detail: told }]);
    expect(stage.app.events).toEqual(["claim", "outcome"]);
  });

  test("asks again when the app is away", async () => {
    await using stage = await setStage({ reply: edit });
    stage.app.failures.claim.push(503);
    stage.app.failures.outcome.push(502);

    await stage.run();

    expect(stage.app.outcomes).toHaveLength(1);
  });

  test.each([
    [413, "take bodies of 8388608 bytes"],
    [400, "Use the commit of the Action that belongs to the app's version"],
  ])("tells people and the app what to do when its outcome is refused with %s", async (status, advice) => {
    await using stage = await setStage({ reply: edit });
    stage.app.failures.outcome.push(status);

    const job = await stage.run();

    expect(job).toMatchObject({ status: 1, log: containing(advice), post: "" });
    expect(stage.app.outcomes).toMatchObject([
      { kind: "blocked", reason: "internal", detail: containing(advice), usage: { outputTokens: 84 } },
    ]);
  });

  test("says whom to ask when its outcome comes too late", async () => {
    await using stage = await setStage({ reply: edit });
    stage.app.failures.outcome.push(409);

    const job = await stage.run();

    expect(job).toMatchObject({ status: 1, log: containing("It is not sent again."), post: "" });
    expect(stage.app.outcomes).toEqual([]);
  });

  test("starts nothing while the fetch's token is still valid", async () => {
    await using stage = await setStage({ reply: edit });
    stage.app.failures.revoke.push(500, 500, 500, 500, 500);

    await stage.run();

    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "fetchFailed" }]);
    expect(stage.model.seen).toEqual([]);
  });

  test("tells which set-up command failed", async () => {
    await using stage = await setStage({ reply: edit, setup: ["true", "echo no such package >&2; exit 9"] });

    const job = await stage.run();

    expect(job).toMatchObject({ status: 1, log: containing("setupFailed: the app's comment on the issue says more.") });
    expect(job.log).not.toMatch(/exit 9|no such package/);
    expect(stage.app.outcomes).toMatchObject([
      { kind: "blocked", reason: "setupFailed", detail: matching(/exit 9` ended with 9:\n.*no such package/s) },
    ]);
  });

  test("stops when the app says so", async () => {
    const told = { at: Infinity };
    const stop = (): void => {
      stage.app.stop = true;
      told.at = performance.now();
    };
    await using stage = await setStage({ reply: stop });

    const job = await stage.run();

    expect(job.endedAt - told.at).toBeLessThan(5_000);
    expect(stage.app.outcomes).toMatchObject([
      { kind: "ran", ending: { kind: "crashed", detail: "The job was stopped from outside." } },
    ]);
    expect(job.log).toContain("harness ended");
  });

  test("starts no harness after a stop during set-up, and doesn't wait for its end", async () => {
    await using stage = await setStage({ reply: edit, setup: ["sleep 60", "sleep 60"] });
    stage.app.stop = true;

    const job = await stage.run();

    expect(stage.app.outcomes).toMatchObject([
      { kind: "ran", ending: { kind: "crashed", detail: "The job was stopped from outside." }, modelCalls: 0, changes: [] },
    ]);
    expect(stage.app.outcomes[0]?.ms).toBeLessThan(20_000);
    expect(job.log).not.toContain("harness ended");
    expect(stage.model.seen).toEqual([]);
  });

  test("goes on without a PDF, which the gateway would refuse", async () => {
    const read = (path: string, { body }: Seen): { tool: string; input: Record<string, unknown> } => {
      const folder = /working directory: ([^\\"]+)/i.exec(JSON.stringify(body))?.[1] ?? "";
      return { tool: "Read", input: { file_path: `${folder}/${path}` } };
    };
    const reply: Reply = (response, seen) =>
      sendStream(
        response,
        [read("doc.pdf", seen), read("a.txt", seen), bash("echo new > a.txt")][turnOf(seen.body)] ?? { text: "Done." },
      );
    await using stage = await setStage({ reply, files: { "doc.pdf": "%PDF-1.1\ntrailer<<>>\n" } });

    await stage.run();

    const told = JSON.stringify(stage.model.seen.at(-1)?.body["messages"]);
    expect(stage.app.outcomes).toMatchObject([{ ending: { kind: "completed" }, modelCalls: 4 }]);
    expect(told).toMatch(/doc\.pdf[^]*denied[^]*old/);
    expect(told).not.toContain("application/pdf");
  });

  test("is reported by its post step when the main step was killed", async () => {
    await using stage = await setStage({ reply: () => {} });

    const job = await stage.run({}, (pid) => {
      const timer = setInterval(() => {
        if (stage.model.seen.length === 0) return;
        clearInterval(timer);
        process.kill(pid, "SIGKILL");
      }, 50);
    });

    expect(job.post).toContain("delivered by the post step");
    expect(stage.app.outcomes).toMatchObject([{ kind: "blocked", reason: "internal" }]);
    // The step between the two uploads the same, or what was kept last before it: a kill may come between the two files.
    expect(job.uploaded).toEqual({ ...stage.app.outcomes[0], ms: job.uploaded?.ms });
    expect(await readdir(stage.temp)).not.toContain("agent-pool-attempt-1");
  });

  test("runs without a sandbox only for a model on this machine, and says so", async () => {
    await using stage = await setStage({ reply: edit });

    const job = await stage.run({ AGENT_POOL_UNSANDBOXED: "playground" });

    expect(stage.app.outcomes).toMatchObject([{ kind: "ran", sandbox: "none", ending: { kind: "completed" } }]);
    expect(job.log).toContain("NO SANDBOX");
  });
});
