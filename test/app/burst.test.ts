import { createHash, randomUUID } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import { afterAll, expect, it, vi } from "vitest";
import { createGitHub } from "#adapters/github/github.ts";
import { bindStore } from "#adapters/store/store.ts";
import { claim } from "#app/claim.ts";
import { withinBudget } from "#app/content.ts";
import type { Deps } from "#app/deps.ts";
import { intake } from "#app/intake.ts";
import { report } from "#app/outcome.ts";
import { workOnce } from "#app/worker.ts";
import { gitBlobId } from "#core/change/guards.ts";
import { CONTENT_LIMITS } from "#core/task/content-budget.ts";
import { EFFECTS, TURN_OF, type Effect } from "#core/task/effects.ts";
import { runTitle } from "#core/task/markers.ts";
import { LeaseId } from "#core/wire/ids.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "#core/wire/units.ts";
import { createWorld, PRODUCT, RUNNER } from "#playground/world.ts";
import { busiest } from "../kit/busiest.ts";
import { beat, checked, ran } from "../kit/outcomes.ts";
import { sampleScript } from "../kit/sample.ts";
import { startVirtualClock } from "../kit/virtual-clock.ts";

const TASKS = 200;
const LANES = 8;
const POLICY = `version: 1
pool:
  - { name: platform-api, provider: anthropic, jobs: 20 }
runner: acme/agent-runner
budget: $20000/month
`;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What GitHub's limits count, by route. */
const CONTENT: ReadonlySet<string> = new Set(
  (Object.keys(EFFECTS) as Effect[]).filter((effect) => TURN_OF[effect] !== null).map((effect) => EFFECTS[effect]),
);
/** The soonest instant after the first at which so many calls can have been made. */
function soonestMs(calls: number): number {
  const inLastHour = (calls - 1) % CONTENT_LIMITS.perHour;
  return (
    Math.floor((calls - 1) / CONTENT_LIMITS.perHour) * HOUR_MS + Math.floor(inLastHour / CONTENT_LIMITS.perMinute) * MINUTE_MS
  );
}

afterAll(() => {
  vi.useRealTimers();
});

it(`${String(TASKS)} issues labelled within a minute all get their pull request, inside GitHub's limits and no later than these force`, async () => {
  const world = await createWorld({
    product: { files: { "README.md": "# Web\n", ".github/agent-pool.yml": "version: 1\ndraft: false\nverify: [npm test]\n" } },
    policy: POLICY,
    script: sampleScript(),
    runner: false,
  });
  await using _world = world;
  const clock = await startVirtualClock();
  const store = bindStore(clock.connection);
  const { github } = world;
  const people = await Promise.all(
    Array.from({ length: 5 }, async (_, at) => {
      const person = await github.createPerson(`person-${String(at)}`);
      github.setRole(PRODUCT, person.login, "write");
      return person;
    }),
  );
  const app = { appId: github.app.id, privateKey: github.app.privateKeyPem, apiUrl: github.url };
  const deps: Deps = {
    store,
    github: withinBudget(createGitHub(app), store),
    runtime: {
      log: silent,
      playground: true,
      newId: () => randomUUID(),
      newRunToken: () => ({ token: "t", hash: randomUUID() }),
      newKeyPair: () => ({ publicKey: "p", privateKey: "d" }),
      hash: (text) => createHash("sha256").update(text).digest("hex"),
      // The token is the lease's id: GitHub's signature is not what is looked at here.
      verifyIdentity: async (lease) => {
        const row = await store.readLease(LeaseId(lease));
        if (row?.expected == null || row.run === null) return { ok: false, error: "invalid" };
        return {
          ok: true,
          value: {
            repositoryId: String(row.expected.repositoryId),
            repositoryOwnerId: String(row.expected.ownerId),
            eventName: "workflow_dispatch",
            workflowRef: row.expected.workflowRef,
            ref: row.expected.ref,
            refProtected: "true",
            environment: row.credential,
            actorId: String(github.app.botId),
            runId: String(row.run),
            runAttempt: "1",
            checkRunId: "1",
          },
        };
      },
    },
  };

  const heard = new Set<string>();
  async function hear(): Promise<boolean> {
    await github.delivered();
    const fresh = github.deliveries().filter(({ guid }) => !heard.has(guid));
    for (const { guid, event, payload } of fresh) {
      heard.add(guid);
      await intake(deps, [], { id: guid, name: event, payload });
    }
    return fresh.length > 0;
  }
  async function work(): Promise<boolean> {
    const lanes = await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        let worked = false;
        while (await workOnce(deps, lane)) worked = true;
        return worked;
      }),
    );
    return lanes.includes(true);
  }
  /** A runner takes each run at once, works, and reports. */
  async function run(): Promise<boolean> {
    const queued = github.runs(RUNNER).filter(({ status }) => status === "queued");
    for (const { id, inputs } of queued) {
      const lease = LeaseId(inputs["attempt"] ?? "");
      await github.host.startRun(id, runTitle(lease));
      const claimed = await claim(deps, lease, lease, { contract: 1, harnesses: ["claude-code"], knows: [] });
      if (!claimed.ok) throw new Error(claimed.error.error);
      await store.recordHeartbeat(lease, beat(), (await store.readLease(lease))!.used);
      const note = Buffer.from(`# ${lease}\n`);
      const change = {
        status: "added",
        path: `notes/${lease}.md`,
        mode: "100644",
        blob: gitBlobId(note),
        content: note.toString("base64"),
      } as const;
      const verification = [checked("npm test")];
      const checks = { source: "settings" as const, commands: ["npm test"] };
      const reported = await report(deps, (await store.readLease(lease))!, ran({ changes: [change], verification, checks }));
      if (!reported.ok) throw new Error(reported.error.error);
      await github.host.completeRun(id, "success");
    }
    return queued.length > 0;
  }
  async function settle(): Promise<void> {
    for (;;) {
      const busy = [await hear(), await work(), await run()];
      if (!busy.includes(true)) return;
    }
  }
  async function nextDue(): Promise<number | undefined> {
    const { rows } = await sql<{ due: number | null }>`
      select min(due_at) as due from (
        select due_at from tasks union all select due_at from comments
        union all select due_at from owners union all select due_at from deliveries) as rows`.execute(clock.connection.db);
    return rows[0]?.due ?? undefined;
  }
  const count = async (of: RawBuilder<unknown>): Promise<number> =>
    (await sql<{ n: number }>`select count(*)::int as n from ${of}`.execute(clock.connection.db)).rows[0]?.n ?? 0;
  const told = () => count(sql`comments where told = task_id || ':end'`);

  const began = clock.now();
  const startedAt = process.hrtime.bigint();
  github.resetCalls();
  for (let issue = 0; issue < TASKS; issue += 1) {
    await people[issue % people.length]?.openIssue(PRODUCT, {
      title: `Note ${String(issue)}`,
      body: "Write a note.",
      labels: ["agent"],
    });
    if (issue % 10 === 9) {
      await settle();
      await clock.moveTo(began + ((issue + 1) * MINUTE_MS) / TASKS);
    }
  }
  await settle();
  while ((await told()) < TASKS) {
    const due = await nextDue();
    if (due === undefined) break;
    await clock.moveTo(Math.max(due, clock.now() + SECOND_MS));
    if (clock.now() - began > 12 * HOUR_MS) throw new Error("it takes longer than half a day");
    await settle();
  }

  const calls = github.callList().filter(({ party }) => party !== "user");
  const content = calls.filter(({ route, status }) => CONTENT.has(route) && status !== null && status < 300).map(({ at }) => at);
  const refused = calls.filter(({ status }) => status === 403 || status === 429);
  const opened = calls.filter(({ route, status }) => route === EFFECTS.openPullRequest && status === 201).map(({ at }) => at);
  const figures = {
    tasks: await count(sql`tasks where state = 'solved'`),
    told: await told(),
    pullRequests: (await github.pulls(PRODUCT)).length,
    callsATask: calls.filter(({ route }) => !route.endsWith("/git/blobs")).length / TASKS,
    contentCallsATask: content.length / TASKS,
    mostInAMinute: busiest(content, MINUTE_MS),
    mostInAnHour: busiest(content, HOUR_MS),
    lastPullRequestMin: (Math.max(...opened) - began) / MINUTE_MS,
    // By as many calls as were made until then, none of which is progress.
    forcedMin: soonestMs(content.filter((at) => at <= Math.max(...opened)).length) / MINUTE_MS,
    lastCallMin: (Math.max(...content) - began) / MINUTE_MS,
    refused: refused.length,
    realSeconds: Number((process.hrtime.bigint() - startedAt) / 1_000_000n) / 1_000,
  };
  process.stdout.write(`${JSON.stringify(figures)}
`);
  expect(figures).toMatchObject({ tasks: TASKS, told: TASKS, pullRequests: TASKS, refused: 0 });
  expect(figures.callsATask).toBeLessThanOrEqual(14);
  expect(figures.mostInAMinute).toBeLessThanOrEqual(CONTENT_LIMITS.perMinute);
  expect(figures.mostInAnHour).toBeLessThanOrEqual(CONTENT_LIMITS.perHour);
  expect(figures.lastPullRequestMin).toBeLessThanOrEqual(figures.forcedMin * 1.1);
  expect(github.violations()).toEqual([]);
  await store.close();
}, 900_000);
