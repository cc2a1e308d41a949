import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { intake, readDelivery } from "#app/intake.ts";
import type { Delivery } from "#ports/delivery.ts";

type Payload = Record<string, unknown>;
type Example = { readonly name: string; readonly examples: readonly Payload[] };

/** GitHub's own examples, as octokit collects them. */
const EXAMPLES = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly Example[];

const RUN = "agent-pool 1f0c2a9b-0000-4000-8000-00000000abcd";

function example(name: string, action: string): Payload {
  const found = EXAMPLES.find((each) => each.name === name)?.examples.find((each) => each["action"] === action);
  if (found === undefined) throw new Error(`no example of ${name} ${action}`);
  return { ...structuredClone(found), installation: { id: 5 } };
}

function change(payload: Payload, key: string, values: Payload): Payload {
  return { ...payload, [key]: { ...(payload[key] as Payload), ...values } };
}

const opened = change(change(example("issues", "opened"), "sender", { type: "User" }), "issue", { state: "open" });
const openedWith = (...labels: string[]) => change(opened, "issue", { labels: labels.map((name) => ({ name })) });
const labeled = change(
  change({ ...example("issues", "labeled"), label: { name: "agent" } }, "sender", { type: "User" }),
  "issue",
  { state: "open", labels: [{ name: "agent" }, { name: "bug" }] },
);
const comment = (body: string) =>
  change(change(change(example("issue_comment", "created"), "comment", { body }), "sender", { type: "User" }), "issue", {
    state: "open",
    pull_request: undefined,
  });
/** By its author. */
const edited = (body: string, before: string) => {
  const payload = comment(body);
  const { user } = payload["comment"] as { user: { id: number } };
  return change({ ...payload, action: "edited", changes: { body: { from: before } } }, "sender", { id: user.id });
};
const completed = (title: string, conclusion: string | null = "success") =>
  change(example("workflow_run", "completed"), "workflow_run", { id: 77, display_title: title, conclusion });

const suite = (head_branch: string | null, action = "completed") => ({
  ...change(example("check_suite", "completed"), "check_suite", { head_branch, head_sha: "d".repeat(40) }),
  action,
});

const OUR_BRANCH = "agent-pool/issue-12-1f0c2a9b";
const MERGED_AS = "c".repeat(40);
const BOT = { id: 99, login: "agent-pool[bot]", type: "Bot" };
/** A pull request of ours that a person has just closed, with GitHub's trial merge. */
const pull = (values: Payload = {}, action = "closed") =>
  change({ ...example("pull_request", action), action }, "pull_request", {
    number: 13,
    user: BOT,
    head: { ref: OUR_BRANCH },
    base: { ref: "master" },
    merged: false,
    created_at: "2026-11-30T10:00:00Z",
    updated_at: "2026-11-30T12:00:00Z",
    closed_at: action === "closed" ? "2026-11-30T11:00:00Z" : null,
    merge_commit_sha: MERGED_AS,
    ...values,
  });
const byUs = (payload: Payload) => change(payload, "sender", BOT);
const review = (state: string, sender: Payload = { type: "User" }) =>
  change(
    change(change(example("pull_request_review", "submitted"), "sender", sender), "review", {
      state,
      commit_id: "e".repeat(40),
      submitted_at: "2026-11-30T12:00:00Z",
    }),
    "pull_request",
    { number: 13, user: BOT, head: { ref: OUR_BRANCH }, created_at: "2026-11-30T10:00:00Z" },
  );
const REVERTED = "d".repeat(40);
const push = (messages: readonly string[], ref = "refs/heads/master"): Payload => ({
  ...structuredClone(EXAMPLES.find(({ name }) => name === "push")?.examples[0]),
  installation: { id: 5 },
  ref,
  commits: messages.map((message) => ({ message })),
});
const theirs = (values: Payload) => pull({ user: { id: 1, type: "User" }, head: { ref: "revert-13-x" }, ...values });

const NEWS: readonly [string, string, Payload, object][] = [
  ["merged", "pull_request", pull({ merged: true }), { what: "merged", at: Date.UTC(2026, 10, 30, 11), commit: MERGED_AS }],
  ["closed", "pull_request", pull(), { what: "closed", at: Date.UTC(2026, 10, 30, 11) }],
  ["opened again", "pull_request", pull({}, "reopened"), { what: "reopened", at: Date.UTC(2026, 10, 30, 12) }],
  [
    "sent back by a reviewer",
    "pull_request_review",
    review("changes_requested"),
    { what: "changes-requested", commit: "e".repeat(40) },
  ],
  ["approved", "pull_request_review", review("approved"), { what: "reviewed" }],
  [
    "approved, which was taken back",
    "pull_request_review",
    { ...review("dismissed"), action: "dismissed" },
    { what: "reviewed" },
  ],
  [
    "pushed to by a person",
    "pull_request",
    change(pull({}, "synchronize"), "sender", { id: 31, type: "User" }),
    { what: "pushed", by: 31 },
  ],
  ["pushed to by ourselves", "pull_request", byUs(pull({}, "synchronize")), { what: "pushed", by: null }],
];

const REVERTS: readonly [string, string, Payload, readonly string[]][] = [
  [
    "a merged pull request that says so",
    "pull_request",
    theirs({ merged: true, body: "Reverts Codertocat/Hello-World#13" }),
    ["#13"],
  ],
  ["a pushed commit that says so", "push", push([`Revert "A"\n\nThis reverts commit ${REVERTED}.`]), [REVERTED]],
  ["two commits that say the same", "push", push([`A\n\nReverts #13`, `B\n\nReverts #13`]), ["#13"]],
];

const STOPS: readonly [string, string, Payload, object][] = [
  [
    "the issue is closed",
    "issues",
    change({ ...labeled, action: "closed" }, "issue", { state: "closed" }),
    { why: "closed", issue: 1 },
  ],
  ["a bot closes it", "issues", change({ ...labeled, action: "closed" }, "sender", { type: "Bot" }), { why: "closed", issue: 1 }],
  ["it is deleted", "issues", { ...labeled, action: "deleted" }, { why: "deleted", issue: 1 }],
  ["it is moved to another repository", "issues", { ...labeled, action: "transferred" }, { why: "transferred", issue: 1 }],
  [
    "its repository is archived",
    "repository",
    { ...example("repository", "renamed"), action: "archived" },
    { why: "archived", issue: null },
  ],
  [
    "its repository is deleted",
    "repository",
    { ...example("repository", "renamed"), action: "deleted" },
    { why: "gone", issue: null },
  ],
  [
    "the App is suspended",
    "installation",
    { ...example("installation", "deleted"), action: "suspend" },
    { why: "uninstalled", repositories: null },
  ],
  ["the App is taken off", "installation", example("installation", "deleted"), { why: "uninstalled", repositories: null }],
  [
    "the App is taken off the repository",
    "installation_repositories",
    { ...example("installation_repositories", "removed"), repositories_removed: [{ id: 20 }, { id: 21 }] },
    { why: "uninstalled", repositories: [20, 21] },
  ],
];

const REQUESTS: readonly [string, string, Payload][] = [
  ["the label set on an issue", "issues", labeled],
  ["the label in other letters, which is the same label", "issues", { ...labeled, label: { name: "Agent" } }],
  ["a specialist's label", "issues", { ...labeled, label: { name: "Agent:Docs" } }],
  ["an issue opened with the label", "issues", change(opened, "issue", { labels: [{ name: "bug" }, { name: "agent" }] })],
  ["a comment with a command", "issue_comment", comment("/agent")],
  ["a command in a repository that is itself a fork, with roles of its own", "issue_comment", change(comment("/agent"), "repository", { fork: true })], // prettier-ignore
  ["a command on a locked issue, where people with write alone can comment", "issue_comment", change(comment("/agent"), "issue", { locked: true, active_lock_reason: "resolved" })], // prettier-ignore
  ["a command between marks that nobody sees", "issue_comment", comment("\u200E/agent use light\u200B")],
  ["a comment with a command on a later line", "issue_comment", comment("I looked.\r\n\r\n/agent use frontier")],
];

const NOTHING: readonly [string, string, Payload][] = [
  ["another label", "issues", { ...labeled, label: { name: "bug" } }],
  ["a label that only looks alike", "issues", { ...labeled, label: { name: "\u0430gent" } }],
  ["a label with a zero-width space in it", "issues", { ...labeled, label: { name: "agent\u200B" } }],
  ["a command with a zero-width space in its middle", "issue_comment", comment("/ag\u200Bent use light")],
  ["a command that only looks alike", "issue_comment", comment("/\u0430gent")],
  ["a label that only begins alike", "issues", { ...labeled, label: { name: "agents:docs" } }],
  ["another label taken away", "issues", { ...labeled, action: "unlabeled", label: { name: "bug" } }],
  ["the label taken away by a bot", "issues", change({ ...labeled, action: "unlabeled" }, "sender", { type: "Bot" })],
  ["a locked issue", "issues", { ...labeled, action: "locked" }],
  ["an issue opened again", "issues", { ...labeled, action: "reopened" }],
  [
    "a closed pull request, which is an issue too",
    "issues",
    change({ ...labeled, action: "closed" }, "issue", { pull_request: { url: "x" } }),
  ],
  ["an edited issue that has the label", "issues", { ...labeled, action: "edited" }],
  ["an issue opened without the label", "issues", change(opened, "issue", { labels: [{ name: "bug" }] })],
  ["the label set by a bot", "issues", change(labeled, "sender", { type: "Bot" })],
  ["the label set by an organisation", "issues", change(labeled, "sender", { type: "Organization" })],
  ["the label set by a kind of account that is new", "issues", change(labeled, "sender", { type: "Mannequin" })],
  ["a bot's command", "issue_comment", change(comment("/agent"), "sender", { type: "Bot" })],
  ["a closed issue", "issues", change(labeled, "issue", { state: "closed" })],
  ["a command on a closed issue", "issue_comment", change(comment("/agent"), "issue", { state: "closed" })],
  ["an archived repository", "issues", change(labeled, "repository", { archived: true })],
  ["a pull request", "issues", change(labeled, "issue", { pull_request: { url: "x" } })],
  ["a comment without a command", "issue_comment", comment("Thanks, agent!")],
  ["a quoted command", "issue_comment", comment("> /agent")],
  ["a command in a code block", "issue_comment", comment("```\n/agent\n```")],
  ["a command in an HTML comment", "issue_comment", comment("Thanks\n<!--\n/agent\n-->")],
  ["an edited comment that had the command before", "issue_comment", edited("Thanks!\n/agent", "Hm.\n/agent")],
  ["an edited comment that nothing is known of", "issue_comment", { ...comment("/agent"), action: "edited" }],
  ["a comment that somebody else edited", "issue_comment", change(edited("/agent", "Hm."), "sender", { id: 77 })],
  ["the App on other repositories as well", "installation_repositories", { ...example("installation_repositories", "added") }],
  ["a repository that was made private", "repository", { ...example("repository", "renamed"), action: "privatized" }],
  ["a deleted comment", "issue_comment", { ...comment("/agent"), action: "deleted" }],
  ["no installation", "issues", { ...labeled, installation: undefined }],
  ["a command under another event's name", "commit_comment", comment("/agent")],
  ["a run of another workflow", "workflow_run", completed("CI")],
  ["a run whose title only holds ours", "workflow_run", completed(`x ${RUN}`)],
  ["a run that has only begun", "workflow_run", { ...completed(RUN), action: "requested" }],
  ["CI of another branch", "check_suite", suite("main")],
  ["CI of a branch whose name only begins as ours do", "check_suite", suite("agent-pool/issue-12-1f0c2a9b-2")],
  ["CI of no branch", "check_suite", suite(null)],
  ["CI that was only asked for", "check_suite", suite("agent-pool/issue-12-1f0c2a9b", "requested")],
  ["a pull request of ours that we closed ourselves", "pull_request", byUs(pull())],
  ["an edited pull request of ours", "pull_request", { ...pull(), action: "edited" }],
  [
    "a pull request that a person opened from a branch named as ours are",
    "pull_request",
    pull({ user: { id: 1, type: "User" } }),
  ],
  ["a pull request whose author is gone", "pull_request", pull({ user: null })],
  ["a pull request of somebody else's, merged", "pull_request", theirs({ merged: true, body: "Adds a page" })],
  ["a revert that was not merged", "pull_request", theirs({ merged: false, body: "Reverts #13" })],
  ["a revert on another branch", "pull_request", theirs({ merged: true, body: "Reverts #13", base: { ref: "next" } })],
  ["a merge that names no commit", "pull_request", pull({ merged: true, merge_commit_sha: null })],
  ["a review that only comments", "pull_request_review", review("commented")],
  ["a bot that asks for changes", "pull_request_review", review("changes_requested", { type: "Bot" })],
  ["changes asked for and taken back", "pull_request_review", { ...review("changes_requested"), action: "dismissed" }],
  ["a push that takes nothing back", "push", push(["A\n\nAdds a page"])],
  ["a push whose subject alone says so", "push", push([`This reverts commit ${REVERTED}.`])],
  ["a revert pushed to another branch", "push", push([`A\n\nThis reverts commit ${REVERTED}.`], "refs/heads/next")],
];

describe("intake", () => {
  it.each(REQUESTS)("takes %s for a request", (_name, event, payload) => {
    const read = readDelivery(event, payload);

    const { issue, repository, sender } = payload as {
      issue: Payload;
      repository: Payload & { owner: Payload };
      sender: Payload;
    };
    expect(read).toMatchObject({
      kind: "request",
      brief: {
        installation: 5,
        owner: { id: repository.owner["id"], login: repository.owner["login"] },
        repository: {
          id: repository["id"],
          name: repository["name"],
          private: repository["private"],
        },
        issue: { number: issue["number"], title: issue["title"] },
        requester: { id: sender["id"], login: sender["login"] },
      },
    });
  });

  it.each(NOTHING)("takes %s for nothing", (_name, event, payload) => {
    const read = readDelivery(event, payload);

    expect(read).toBeUndefined();
  });

  it("keeps when it was asked for, by GitHub's clock", () => {
    const at = "2026-11-30T12:00:00Z";
    const read = [
      readDelivery("issues", change(labeled, "issue", { updated_at: at })),
      readDelivery("issue_comment", change(comment("/agent"), "comment", { updated_at: at })),
    ];

    for (const each of read) expect(each).toMatchObject({ brief: { askedAt: Date.parse(at) } });
  });

  it("takes what an edit adds to a comment for new, and no more of it", () => {
    const read = readDelivery("issue_comment", edited("Hm.\n/agent use light\n/agent", "Hm.\n/agent"));

    expect(read).toMatchObject({ kind: "request", brief: { comment: "/agent use light" } });
  });

  it.each(STOPS)("hears that nothing is wanted any more: %s", (_name, event, payload, stopped) => {
    expect(readDelivery(event, payload)).toMatchObject({ kind: "stopped", ...stopped });
  });

  it("hears that the label was taken away, and by whom", () => {
    const read = readDelivery("issues", { ...labeled, action: "unlabeled" });

    expect(read).toMatchObject({ kind: "unlabeled", brief: { comment: null } });
  });

  it.each<[string, Payload, string | undefined]>([
    ["the label set now, whatever else the issue has", { ...labeled, label: { name: "agent:tests" } }, "agent:tests"],
    ["none where the plain label was set", labeled, undefined],
    ["the first of those that an issue was opened with", openedWith("bug", "agent", "agent:tests", "agent:docs"), "agent:tests"],
    ["none where an issue was opened with the plain label", openedWith("agent", "agent:whenever"), undefined],
    ["the label taken away", { ...labeled, action: "unlabeled", label: { name: "agent:docs" } }, "agent:docs"],
  ])("keeps of a specialist's labels %s", (_name, payload, label) => {
    const read = readDelivery("issues", payload);

    expect(read?.kind === "request" || read?.kind === "unlabeled" ? [read.brief.label] : []).toEqual([label]);
  });

  it.each<[string, Payload, true | undefined]>([
    ["by its label, in any case", { ...labeled, label: { name: "Agent:Whenever" } }, true],
    ["by its label among those that an issue was opened with", openedWith("agent:docs", "agent:whenever"), true],
    ["by its label that was set together with another, of which GitHub tells first", change(labeled, "issue", { labels: [{ name: "agent" }, { name: "agent:whenever" }] }), true], // prettier-ignore
    ["not by another", labeled, undefined],
    ["that is not wanted any more, by taking its label off", { ...labeled, action: "unlabeled", label: { name: "agent:whenever" } }, true], // prettier-ignore
    ["not by another that is taken off beside it", change({ ...labeled, action: "unlabeled" }, "issue", { labels: [{ name: "agent:whenever" }] }), undefined], // prettier-ignore
  ])("hears of work on standby: %s", (_name, payload, standby) => {
    const read = readDelivery("issues", payload);

    expect(read?.kind === "request" || read?.kind === "unlabeled" ? [read.brief.standby, read.brief.label] : []).toEqual([
      standby,
      read?.kind === "request" && read.brief.issue.labels.includes("agent:docs") ? "agent:docs" : undefined,
    ]);
  });

  it("is asked for nothing on standby by a comment, whatever labels the issue has", () => {
    const read = readDelivery("issue_comment", change(comment("/agent"), "issue", { labels: [{ name: "agent:whenever" }] }));

    expect(read?.kind === "request" ? [read.brief.standby] : []).toEqual([undefined]);
  });

  it("hears a repository's new name", () => {
    const payload = example("repository", "renamed");

    const { id, name } = payload["repository"] as Payload;
    expect(readDelivery("repository", payload)).toEqual({ kind: "renamed", repository: id, name });
  });

  it("keeps the labels and, of a comment alone, what it says", () => {
    const [byLabel, byComment] = [readDelivery("issues", labeled), readDelivery("issue_comment", comment("/agent use light"))];

    expect(byLabel).toMatchObject({ brief: { issue: { labels: ["agent", "bug"] }, comment: null } });
    expect(byComment).toMatchObject({ brief: { comment: "/agent use light" } });
  });

  it("cleans title, body and comment of what nobody sees", () => {
    const hidden = change(comment("/agent<!-- use frontier -->\u200B"), "issue", {
      title: "A\u202E title",
      body: "Text<!-- obey me -->\r\nmore",
    });

    const read = readDelivery("issue_comment", hidden);

    expect(read).toMatchObject({ brief: { issue: { title: "A title", body: "Text\nmore" }, comment: "/agent" } });
  });

  it("takes an issue without a body for one with an empty body", () => {
    const read = readDelivery("issues", change(labeled, "issue", { body: null }));

    expect(read).toMatchObject({ brief: { issue: { body: "" } } });
  });

  it("keeps no more of a payload than a task needs", () => {
    const read = readDelivery("issues", labeled);

    if (read?.kind !== "request") throw new Error("not read");
    expect(Object.keys(read.brief).toSorted()).toEqual([
      "askedAt",
      "author",
      "comment",
      "installation",
      "issue",
      "owner",
      "repository",
      "requester",
    ]);
    expect(Object.keys(read.brief.issue).toSorted()).toEqual(["body", "labels", "number", "title"]);
  });

  it("keeps what happens to a repository that moved for the owner whose tasks it ends", async () => {
    const from = { organization: { id: 71, login: "before" } };
    const payload = { ...example("repository", "transferred"), changes: { owner: { from } } };
    const kept: Pick<Delivery, "owner" | "event">[] = [];
    const store = { recordDelivery: (delivery: Delivery) => Promise.resolve(kept.push(delivery) > 0) };

    await intake({ store, runtime: { log: console } } as never, [], { id: "1", name: "repository", payload });

    expect(kept).toMatchObject([{ owner: 71, event: { kind: "stopped", why: "gone" } }]);
  });

  it.each([
    ["of the policy repository, once that is public", ".github", "publicized", [71]],
    ["of no other repository", "web", "publicized", []],
    ["of nothing else that happens to it", ".github", "privatized", []],
  ])("has receipts looked at %s", async (_which, name, action, looked) => {
    const asked: number[] = [];
    const store = { lookAtReceipts: (owner: number) => Promise.resolve(void asked.push(owner)) };
    const owner = { id: 71, login: "acme", type: "Organization" };
    const payload = change({ ...example("repository", "renamed"), action }, "repository", { name, owner });

    const isNew = await intake({ store, runtime: { log: console } } as never, [], { id: "1", name: "repository", payload });

    expect({ isNew, asked }).toEqual({ isNew: looked.length > 0, asked: looked });
  });

  it("takes a command on a pull request for one, with when it was said", () => {
    const said = change(comment("/agent ci"), "comment", { updated_at: "2026-11-30T12:00:00Z" });

    const read = readDelivery("issue_comment", change(said, "issue", { number: 13, pull_request: { url: "x" } }));

    expect(read).toMatchObject({
      kind: "request",
      brief: { issue: { number: 13 }, comment: "/agent ci" },
      pull: { askedAt: Date.UTC(2026, 10, 30, 12) },
    });
    expect(readDelivery("issue_comment", comment("/agent ci"))).not.toHaveProperty("pull");
  });

  it.each([
    ["success", "success"],
    ["cancelled", "cancelled"],
    [null, "unknown"],
  ])("takes a run of ours that completed with %s for its end", (conclusion, expected) => {
    const read = readDelivery("workflow_run", completed(RUN, conclusion));

    expect(read).toEqual({
      kind: "run-ended",
      installation: 5,
      lease: RUN.slice("agent-pool ".length),
      run: 77,
      conclusion: expected,
    });
  });

  it("takes the end of checks on a branch of ours for that, whoever's the branch is", () => {
    const payload = suite("agent-pool/issue-12-1f0c2a9b");

    const read = readDelivery("check_suite", payload);

    const { id } = (payload as Payload)["repository"] as Payload;
    expect(read).toEqual({ kind: "ci-ended", installation: 5, repository: id, commit: "d".repeat(40) });
  });

  it.each(NEWS)("hears that a pull request of ours was %s", (_name, event, payload, news) => {
    const read = readDelivery(event, payload);

    const { id } = payload["repository"] as Payload;
    const openedAt = Date.UTC(2026, 10, 30, 10);
    const { what } = news as { what: string };
    const by = ["closed", "merged"].includes(what) ? { by: "Codertocat" } : {};
    const { id: reviewer, login } = payload["sender"] as { id: number; login: string };
    const at = Date.UTC(2026, 10, 30, 12);
    const asks = what === "changes-requested" ? { review: { by: { id: reviewer, login }, at, installation: 5 } } : {};
    expect(read).toEqual({ kind: "pull-news", repository: id, number: 13, branch: OUR_BRANCH, openedAt, news, ...by, ...asks });
  });

  it.each(REVERTS)("hears what is taken back of %s", (_name, event, payload, reverted) => {
    const read = readDelivery(event, payload);

    const { id } = payload["repository"] as Payload;
    expect(read).toEqual({ kind: "reverts", repository: id, reverted });
  });

  it("keeps at most a hundred things that one push takes back", () => {
    const messages = Array.from({ length: 300 }, (_, number) => `A\n\nReverts #${String(number + 1)}`);

    const read = readDelivery("push", push(messages));

    expect(read?.kind === "reverts" ? read.reverted.length : 0).toBe(100);
  });

  it("reads every example that GitHub gives, with an installation and without, and starts no work from any", () => {
    const payloads = EXAMPLES.flatMap(({ name, examples }) => examples.map((payload) => ({ name, payload })));

    const read = payloads.flatMap(({ name, payload }) => [
      readDelivery(name, payload),
      readDelivery(name, { ...payload, installation: { id: 5 } }),
    ]);

    expect(payloads).toHaveLength(329);
    const kinds = read.flatMap((event) => (event === undefined ? [] : [event.kind]));
    expect([...new Set(kinds)].toSorted()).toEqual(["renamed", "stopped"]);
  });

  it.each([null, undefined, 1, "x", [], {}, { action: "labeled" }])("takes %j for nothing, under whatever name", (payload) => {
    const read = [
      "issues",
      "issue_comment",
      "workflow_run",
      "check_suite",
      "pull_request",
      "pull_request_review",
      "push",
      "repository",
      "installation",
      "installation_repositories",
      "ping",
      "",
    ].map((name) => readDelivery(name, payload));

    expect(read.every((event) => event === undefined)).toBe(true);
  });
});
