import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ActorId, DeliveryId, OwnerId, TaskId } from "#core/wire/ids.ts";
import { ok } from "#core/wire/result.ts";
import { EpochMs } from "#core/wire/units.ts";
import type { Connection } from "#adapters/store/connect.ts";
import type { Deps } from "#app/deps.ts";
import { workOnce } from "#app/worker.ts";
import type { Commit, GitHub } from "#ports/github.ts";
import type { Store } from "#ports/store.ts";
import { makeBrief, makePlanRow } from "../kit/briefs.ts";
import { fakeGitHub, refused, unavailable } from "../kit/fake-github.ts";
import { makeRuntime } from "../kit/runtime.ts";
import { openFresh } from "../kit/stores.ts";

const OURS = "d".repeat(40);
const OTHER = "e".repeat(40);
const TREE = "b".repeat(40);
const PULL = 13;
const SAID_AT = EpochMs(Date.UTC(2026, 10, 30, 12));

type Answers = Partial<GitHub>;
type Asked = { readonly askedAt: EpochMs };
const headAt = (commit: string): Answers => ({
  readHead: () => Promise.resolve(ok({ branch: "agent-pool/issue-1-1f0c2a9b", commit, isOpen: true, isOwn: true })),
});
const commits = (all: Record<string, Partial<Commit>>): Answers => ({
  readCommit: (_place, commit) =>
    Promise.resolve(ok({ tree: TREE, parents: ["a".repeat(40)], at: EpochMs(SAID_AT - 60_000), ...all[commit] })),
});
const roleOf = (permission: "write" | "read", name = permission as string): Answers => ({
  readRole: () => Promise.resolve(ok({ permission, name, userId: 30 })),
});

describe("what is said on a pull request of ours", () => {
  let connection: Connection;
  let store: Store;
  let task: TaskId;
  beforeAll(async () => {
    ({ connection, store } = await openFresh("PGlite"));
  });
  afterAll(() => store.close());

  /** A task whose pull request is open, and what a comment on it comes to. */
  async function say(comment: string, answers: Answers = {}, ci: "approved" | "auto" = "approved") {
    for (const table of ["comments", "tasks", "deliveries"] as const) await connection.db.deleteFrom(table).execute();
    task = TaskId(randomUUID());
    await store.openTask(task, makeBrief(1), DeliveryId(randomUUID()));
    await connection.db
      .updateTable("tasks")
      .set({
        state: "solved",
        due_at: null,
        plan: JSON.stringify(makePlanRow({ ci })),
        commit_sha: OURS,
        pull_number: PULL,
        pull_draft: true,
      })
      .execute();
    return again(comment, answers);
  }
  async function again(comment: string, answers: Answers = {}, number = PULL, pull: Asked | null = { askedAt: SAID_AT }) {
    const github = fakeGitHub({ ...headAt(OURS), ...commits({}), ...answers });
    const deps: Deps = {
      store,
      github,
      runtime: makeRuntime(),
    };
    const id = DeliveryId(randomUUID());
    const brief = makeBrief(number, { comment, requester: { id: ActorId(30), login: "ada" } });
    const event = { kind: "request", brief, comment: 400, ...(pull === null ? {} : { pull }) } as const;
    await store.recordDelivery({ id, owner: OwnerId(10), event });
    for (let rounds = 0; rounds < 20 && (await workOnce(deps)); rounds += 1);
    const said = await connection.db
      .selectFrom("comments")
      .select("notice")
      .where("issue_number", "=", number)
      .executeTakeFirst();
    const heard = await connection.db.selectFrom("deliveries").select("note").where("id", "=", id).executeTakeFirstOrThrow();
    return { notice: said?.notice ?? null, note: heard.note, asked: github.asked };
  }
  const ciCommit = async () => (await store.readTask(task))?.ciCommit;

  it("starts CI by a commit of no change on top of the one that holds it back", async () => {
    const made: { message: string; parent: string; baseTree: string; changes: readonly unknown[] }[] = [];
    const moved: string[] = [];

    const { notice, asked } = await say("/agent ci", {
      createCommit: (_place, commit) => {
        made.push(commit);
        return Promise.resolve(ok(OTHER));
      },
      updateBranch: (_place, branch, commit) => {
        moved.push(`${branch} ${commit}`);
        return Promise.resolve(ok(undefined));
      },
    });

    expect(made).toEqual([
      {
        message: `Start CI\n\nAsked for by ada on pull request ${String(PULL)}: the files are those of the commit before.`,
        parent: OURS,
        baseTree: TREE,
        changes: [],
      },
    ]);
    expect(moved).toEqual([`agent-pool/issue-1-1f0c2a9b ${OTHER}`]);
    expect(notice).toEqual({ answer: "ci-started", login: "ada" });
    expect(asked).toContain("react");
    expect(await ciCommit()).toBe(OTHER);
    expect((await store.findByCommit(OwnerId(10), makeBrief().repository.id, OTHER))?.id).toBe(task);
  });

  it("starts it once, however often that is asked", async () => {
    await say("/agent ci");
    const started = await ciCommit();

    const { notice, asked } = await again("/agent ci", headAt(started ?? ""));

    expect(asked).not.toContain("updateBranch");
    expect(notice).toEqual({ answer: "ci-started", login: "ada" });
  });

  it.each<[string, Answers, string]>([
    ["its own, of a try whose answer was lost", commits({ [OTHER]: { parents: [OURS] } }), OTHER],
    ["a person's, of other files", commits({ [OTHER]: { parents: [OURS], tree: "c".repeat(40) } }), ""],
    ["a person's, on top of another", commits({ [OTHER]: { parents: ["f".repeat(40)] } }), ""],
    ["a merge", commits({ [OTHER]: { parents: [OURS, "f".repeat(40)] } }), ""],
  ])("takes what stands there now for what it is: %s", async (_name, answers, kept) => {
    const { notice, asked } = await say("/agent ci", { ...answers, ...headAt(OTHER) });

    expect(notice).toEqual(kept === "" ? { reason: "head-moved", login: "ada" } : { answer: "ci-started", login: "ada" });
    expect(asked).not.toContain("createCommit");
    expect((await ciCommit()) ?? "").toBe(kept);
  });

  it("starts it on the base that was merged in for a follow-up, and on top of that alone", async () => {
    const MERGE = "9".repeat(40);
    const parents: string[] = [];
    await say("/agent status");
    const follow = TaskId(randomUUID());
    await store.openTask(follow, makeBrief(PULL), DeliveryId(randomUUID()));
    await connection.db
      .updateTable("tasks")
      .set({ state: "unsolved", due_at: null, follows: task, plan: JSON.stringify(makePlanRow({ ci: "approved" })) })
      .where("id", "=", follow)
      .execute();
    await store.keepBaseMerge(follow, { branch: "main", onto: OURS, tip: "f".repeat(40), merge: MERGE });
    // A second one, which has merged nothing and brought nothing.
    const second = TaskId(randomUUID());
    await store.openTask(second, makeBrief(PULL), DeliveryId(randomUUID()));
    await connection.db.updateTable("tasks").set({ state: "unsolved", due_at: null }).where("id", "=", second).execute();
    const answers: Answers = {
      ...headAt(MERGE),
      ...commits({ [MERGE]: { parents: [OURS, "f".repeat(40)] }, [OTHER]: { parents: [MERGE] } }),
      createCommit: (_place, { parent }) => {
        parents.push(parent);
        return Promise.resolve(ok(OTHER));
      },
    };

    const { notice } = await again("/agent ci", answers);
    await connection.db.updateTable("tasks").set({ ci_commit_sha: null }).where("id", "=", task).execute();
    const lost = await again("/agent ci", { ...answers, ...headAt(OTHER) });

    // How CI ends on it is news of the task whose work it stands on.
    expect((await store.findByCommit(OwnerId(10), makeBrief().repository.id, MERGE))?.id).toBe(task);
    expect(parents).toEqual([MERGE]);
    expect(notice).toEqual({ answer: "ci-started", login: "ada" });
    expect(lost.notice).toEqual(notice);
    expect(await ciCommit()).toBe(OTHER);
  });

  it.each<[string, Answers, "approved" | "auto", object]>([
    ["of somebody who reads", roleOf("read", "triage"), "approved", { reason: "ci-needs-write", login: "ada", role: "triage" }],
    ["where nothing holds it back", {}, "auto", { reason: "ci-not-held", login: "ada" }],
    [
      "of before the commit was there",
      commits({ [OURS]: { at: EpochMs(SAID_AT + 1_000) } }),
      "approved",
      { reason: "head-moved", login: "ada" },
    ],
    [
      "which somebody's push overtakes",
      { updateBranch: () => Promise.resolve(refused(422, "Update is not a fast forward")) },
      "approved",
      { reason: "head-moved", login: "ada" },
    ],
    [
      "which GitHub refuses",
      { updateBranch: () => Promise.resolve(refused(403, "no")) },
      "approved",
      { reason: "github-refused", route: "X /x", status: 403, message: "no" },
    ],
  ])("starts no CI at a command %s", async (_name, answers, ci, why) => {
    const { notice } = await say("/agent ci", answers, ci);

    expect(notice).toEqual(why);
    expect(await ciCommit()).toBeNull();
  });

  it("tries again what GitHub doesn't answer", async () => {
    const { notice, note } = await say("/agent ci", { updateBranch: () => Promise.resolve(unavailable()) });

    expect({ notice, note }).toEqual({ notice: null, note: null });
  });

  it.each([
    ["/agent size m", { reason: "command-elsewhere", asked: "/agent size m", on: "issue", number: 1 }],
    ["/agent use claude-opus-5-5", { reason: "command-elsewhere", asked: "/agent use claude-opus-5-5", on: "issue", number: 1 }],
    ["/agent cancel", { reason: "command-elsewhere", asked: "/agent cancel", on: "issue", number: 1 }],
    ["/agent cii", { reason: "command-unknown", nearest: "/agent ci", valid: "`/agent fix WORDS …`, `/agent ci`" }],
    ["/agent fux it", { reason: "command-unknown", nearest: "/agent fix WORDS …" }],
    ["/agent help", { answer: "help" }],
  ])("answers %j by where it is said, or the form that is meant, and starts nothing", async (comment, notice) => {
    const heard = await say(comment);

    expect(heard.notice).toMatchObject(notice);
    expect(await connection.db.selectFrom("tasks").select("id").execute()).toHaveLength(1);
    expect(heard.asked).not.toContain("createCommit");
  });

  it("answers nobody on a pull request of others", async () => {
    await say("Fine.");

    const { notice, note, asked } = await again("/agent ci", {}, PULL + 1);

    expect({ notice, note }).toEqual({ notice: null, note: "not a pull request of ours" });
    expect(asked).toEqual([]);
  });

  it("turns strangers away, whatever they say and whatever is wrong with the policy, of which they learn nothing", async () => {
    const broken = { commit: "c".repeat(40), file: { text: "version: 1\npool: nothing\n" } };
    const setUp = { base: { branch: "main", commit: "a".repeat(40), tree: TREE }, settings: "missing" as const, policy: broken };
    for (const comment of ["/agent size m", "/agent help", "/agent pls"]) {
      const { notice, note } = await say(comment, { ...roleOf("read"), readSetUp: () => Promise.resolve(ok(setUp)) });

      expect({ notice, note }).toEqual({
        notice: { reason: "actor-may-not-start", login: "ada", role: "read" },
        note: "the actor may not start work",
      });
    }
  });

  it("names the pull request to who asks for CI on the issue, and none where it has none", async () => {
    await say("Fine.");
    const open = await again("/agent ci", {}, 1, null);
    await connection.db.updateTable("tasks").set({ pull_number: null, pull_draft: null }).execute();
    const none = await again("/agent ci", {}, 1, null);

    expect(open.notice).toEqual({ reason: "command-elsewhere", asked: "/agent ci", on: "pull", number: PULL });
    expect(none.notice).toEqual({ reason: "command-elsewhere", asked: "/agent ci", on: "pull", number: null });
    expect([...open.asked, ...none.asked]).not.toContain("createCommit");
  });
});
