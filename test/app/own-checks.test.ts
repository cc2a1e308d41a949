import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, OwnerId, RepositoryId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Brief } from "#core/request/brief.ts";
import type { Plan } from "#core/plan/plan.ts";
import { branchName } from "#core/task/markers.ts";
import type { ReviewedPull } from "#core/task/second-person.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Deps } from "#app/deps.ts";
import { workOnce } from "#app/worker.ts";
import type { CheckOutput, NewCheckRun } from "#ports/checks.ts";
import type { ReviewNews } from "#ports/delivery.ts";
import type { GitHub } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const HEAD = "d".repeat(40);
const [ASKER, OTHER] = [ActorId(30), ActorId(31)];
const approvalOf = (by: ActorId, commit = HEAD) => ({ by, approves: true, commit });

let connection: Connection;
let store: Store;
beforeAll(async () => {
  ({ connection, store } = await openFresh("PGlite"));
});
beforeEach(async () => {
  for (const table of ["comments", "tasks", "deliveries"]) await sql`delete from ${sql.table(table)}`.execute(connection.db);
});
afterAll(() => store.close());

async function settle(github: GitHub): Promise<void> {
  const runtime: Deps["runtime"] = makeRuntime();
  for (let rounds = 0; rounds < 100; rounds += 1) if (!(await workOnce({ store, github, runtime }))) return;
  throw new Error("the worker never comes to rest");
}
/** What waits for a time is due. */
async function passTime(): Promise<void> {
  for (const table of ["reviews", "deliveries"])
    await sql`update ${sql.table(table)} set due_at = 0 where due_at is not null`.execute(connection.db);
}

/** A GitHub that shows one pull request, and keeps what was written: each check run's outputs, the newest last. */
function gitHubWith(answers: Partial<GitHub> = {}) {
  const pull: { now: ReviewedPull } = { now: { isOpen: true, head: HEAD, needsReview: true, reviews: [], hands: [ASKER] } };
  const runs: (Omit<NewCheckRun, keyof CheckOutput> & { readonly outputs: CheckOutput[] })[] = [];
  const github = fakeGitHub({
    readReviews: () => Promise.resolve(ok(pull.now)),
    createCheckRun: (_place, { name, commit, path, annotations, ...output }) => {
      runs.push({ name, commit, path, annotations, outputs: [output] });
      return Promise.resolve(ok(runs.length));
    },
    updateCheckRun: (_place, run, output) => {
      runs[run - 1]?.outputs.push(output);
      return Promise.resolve(ok(undefined));
    },
    findOwnCheckRun: (_place, commit, name) => {
      const at = runs.findIndex((run) => run.commit === commit && run.name === name);
      return Promise.resolve(ok(at < 0 ? undefined : at + 1));
    },
    ...answers,
  });
  const conclusions = () => runs.map(({ outputs }) => outputs.map(({ conclusion }) => conclusion));
  return { github, pull, runs, conclusions };
}

describe("the second person of a pull request", () => {
  /** A task whose pull request was just opened, as number 2. */
  async function opened(plan: Partial<Plan> = {}, brief: Partial<Brief> = {}): Promise<TaskId> {
    const id = TaskId(randomUUID());
    await store.openTask(id, makeBrief(1, brief), DeliveryId(randomUUID()));
    await sql`update tasks set state = 'opening', due_at = 0, plan = ${JSON.stringify(makePlanRow(plan))}::jsonb`.execute(
      connection.db,
    );
    const task = await store.claimTask();
    await store.advance(task!, "open", { pullRequest: { number: 2, draft: true } });
    // What the comment says is another's test.
    await sql`delete from comments`.execute(connection.db);
    return id;
  }
  async function hear(task: TaskId, news: ReviewNews = { what: "reviewed" }) {
    const told = { repository: RepositoryId(20), number: 2, branch: branchName(1, task), openedAt: EpochMs(0) };
    return store.hearPull(OwnerId(10), { kind: "pull-news", ...told, news });
  }

  it("is waited for from its opening on, anew on each head, and again when an approval is taken back", async () => {
    const { github, pull, runs, conclusions } = gitHubWith();
    const task = await opened();
    await settle(github);
    pull.now = { ...pull.now, reviews: [approvalOf(ASKER)] };
    await hear(task);
    await settle(github);
    pull.now = { ...pull.now, reviews: [approvalOf(ASKER), approvalOf(OTHER)] };
    await hear(task);
    await hear(task);
    await settle(github);
    pull.now = { ...pull.now, reviews: [] };
    await hear(task);
    await settle(github);
    pull.now = { ...pull.now, head: "e".repeat(40), reviews: [approvalOf(OTHER)] };
    await hear(task, { what: "pushed", by: null });
    await settle(github);

    expect(conclusions()).toEqual([["action_required", "action_required", "success", "action_required"], ["action_required"]]);
    expect(runs.map(({ commit, name }) => [name, commit[0]])).toEqual([
      ["agent-pool / second person", "d"],
      ["agent-pool / second person", "e"],
    ]);
    expect(await connection.db.selectFrom("tasks").select("fate").execute()).toEqual([{ fate: null }]);
  });

  it("is nobody who has pushed to it, whatever GitHub lists", async () => {
    const { github, pull, conclusions } = gitHubWith();
    const task = await opened();
    for (const by of [OTHER, OTHER, null]) await hear(task, { what: "pushed", by });
    pull.now = { ...pull.now, reviews: [approvalOf(OTHER)] };
    await settle(github);
    const own = conclusions();
    pull.now = { ...pull.now, reviews: [approvalOf(OTHER), approvalOf(ActorId(32))] };
    await hear(task);
    await settle(github);

    expect([own, conclusions()]).toEqual([[["action_required"]], [["action_required", "success"]]]);
    expect(await connection.db.selectFrom("reviews").select("pushed_by").execute()).toEqual([{ pushed_by: [31] }]);
  });

  it("is nobody who approved that it was begun", async () => {
    const { github, pull, conclusions } = gitHubWith();
    pull.now = { ...pull.now, reviews: [approvalOf(OTHER)] };

    await opened({}, { approval: { id: OTHER, login: "operator" } });
    await settle(github);

    expect(conclusions()).toEqual([["action_required"]]);
  });

  it.each<readonly [string, Partial<Plan>, Partial<ReviewedPull>]>([
    ["the branch needs no review", {}, { needsReview: false }],
    ["the repository's settings say so", { secondPerson: false }, {}],
    ["it is closed by now", { secondPerson: true }, { isOpen: false }],
  ])("is not waited for where %s", async (_name, plan, now) => {
    const { github, pull, runs } = gitHubWith();
    pull.now = { ...pull.now, ...now };

    await opened(plan);
    await settle(github);

    expect(runs).toEqual([]);
    expect(await store.claimReview()).toBeUndefined();
  });

  it("is waited for where the settings say so, whatever the branch needs", async () => {
    const { github, pull, conclusions } = gitHubWith();
    pull.now = { ...pull.now, needsReview: false };

    await opened({ secondPerson: true });
    await settle(github);

    expect(conclusions()).toEqual([["action_required"]]);
  });

  it("is told of once where the answer to that was lost", async () => {
    const world = gitHubWith();
    let isLost = true;
    const github = {
      ...world.github,
      async createCheckRun(...asked: Parameters<GitHub["createCheckRun"]>) {
        const made = await world.github.createCheckRun(...asked);
        if (!isLost) return made;
        isLost = false;
        return unavailable();
      },
    };
    await opened();
    await settle(github);
    await passTime();
    await settle(github);

    expect(world.conclusions()).toEqual([["action_required", "action_required"]]);
  });

  it("is left until GitHub tells of it again where that is refused", async () => {
    const { github } = gitHubWith({ createCheckRun: () => Promise.resolve(refused(403)) });
    const task = await opened();
    await settle(github);
    const rested = await connection.db.selectFrom("reviews").select("due_at").execute();
    const other = gitHubWith();
    await hear(task);
    await settle(other.github);

    expect(rested).toEqual([{ due_at: null }]);
    expect(other.conclusions()).toEqual([["action_required"]]);
  });

  it("is looked for again where GitHub told of it while somebody looked", async () => {
    const task = await opened();
    const review = await store.claimReview();
    const meanwhile = await store.claimReview();
    await hear(task);
    await store.recordReview(review!, { commit: HEAD, run: 1, says: "no-approval" });

    expect(meanwhile).toBeUndefined();
    expect(await store.claimReview()).toMatchObject({ task, written: { commit: HEAD, run: 1, says: "no-approval" } });
  });
});

describe("the check of a configuration's change", () => {
  const MINIMAL = "version: 1\npool: [{ name: a, provider: anthropic }]\nrunner: acme/agent-runner\nbudget: $200/month\n";
  async function change(repository: string): Promise<void> {
    const { installation, owner } = makeBrief(1);
    const place = { installation, owner, repository: { id: RepositoryId(21), name: repository, private: true } };
    const event = { kind: "config-changed" as const, place, commit: HEAD, against: { branch: "main" } };
    await store.recordDelivery({ id: DeliveryId(`configuration 21 ${HEAD}`), owner: OwnerId(10), event });
  }
  const notes = async () => (await connection.db.selectFrom("deliveries").select("note").execute()).map(({ note }) => note);
  const reading = (before: string, after: string) => () =>
    Promise.resolve(ok({ before: { text: before }, after: { text: after } }));

  it("is one check run on its commit, with its problems on their lines", async () => {
    const { github, runs } = gitHubWith({ readConfigFile: reading(MINIMAL, MINIMAL.replace("version: 1", "version: 2")) });
    await change(".github");
    await change(".github");
    await settle(github);

    expect(runs).toMatchObject([
      {
        name: "agent-pool / configuration",
        commit: HEAD,
        path: ".github/agent-pool.yml",
        annotations: [{ line: 1, column: 1, level: "failure", message: "version: found `2`; should be 1" }],
        outputs: [{ conclusion: "failure", title: "Not valid: 1 problem" }],
      },
    ]);
    expect(await notes()).toEqual(["its configuration was checked"]);
  });

  it("says what it means: of the policy in the owner's `.github`, of settings elsewhere", async () => {
    const policy = gitHubWith({ readConfigFile: reading(MINIMAL, MINIMAL.replace("$200", "$300")) });
    await change(".github");
    await settle(policy.github);
    await sql`delete from deliveries`.execute(connection.db);
    const settings = gitHubWith({ readConfigFile: reading("version: 1", "version: 1\ndraft: false") });
    await change("web");
    await settle(settings.github);

    expect(policy.runs[0]?.outputs[0]?.summary).toContain("may cost $300 a month; it was $200 a month");
    expect(settings.runs[0]?.outputs[0]?.summary).toContain("not as drafts");
  });

  it("is made once where the answer to it was lost", async () => {
    const world = gitHubWith({ readConfigFile: reading(MINIMAL, `${MINIMAL}strategy: paced\n`) });
    const github = {
      ...world.github,
      async createCheckRun(...asked: Parameters<GitHub["createCheckRun"]>) {
        await world.github.createCheckRun(...asked);
        return unavailable();
      },
    };
    await change(".github");
    await settle(github);
    await passTime();
    await settle(github);

    expect(world.runs).toHaveLength(1);
    expect(await notes()).toEqual(["its configuration was checked"]);
  });

  it.each([
    ["the file is the same", reading(MINIMAL, MINIMAL), "its configuration is what it was"],
    ["GitHub refuses", () => Promise.resolve(refused(404)), "given up"],
  ])("is none where %s", async (_name, readConfigFile, note) => {
    const { github, runs } = gitHubWith({ readConfigFile });
    await change(".github");
    await settle(github);

    expect(runs).toEqual([]);
    expect(await notes()).toEqual([note]);
  });
});
