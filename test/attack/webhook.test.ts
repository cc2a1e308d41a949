import examples from "@octokit/webhooks-examples" with { type: "json" };
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PRODUCT, RUNNER, SIX_LINES } from "#playground/world.ts";
import { besiege, commentOn, labeled, post, type Siege } from "./kit.ts";

const POLICY = "acme/.github";
const FILE = ".github/agent-pool.yml";

async function openIssue(
  siege: Siege,
  repository = PRODUCT,
  who = siege.world.maintainer,
  labels: string[] = [],
): Promise<number> {
  const { number } = await who.openIssue(repository, { title: "The last page is missing", body: "Pages are cut off.", labels });
  await siege.quiet();
  return number;
}

async function label(siege: Siege, issue: number, repository = PRODUCT, who = siege.world.maintainer): Promise<void> {
  await who.label(repository, issue, "agent");
  await siege.quiet();
}

const commentsOf = (siege: Siege, issue: number, repository = PRODUCT) => siege.world.github.comments(repository, issue);

describe("a webhook from someone who is not GitHub", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege();
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it.each<[string, Parameters<typeof post>[3]]>([
    ["no signature", { secret: null }],
    ["a signature under another secret", { secret: "not-the-secret" }],
    ["a signature under the empty secret", { secret: "" }],
    ["a signature of another body", { secret: null, headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}` } }],
    ["only the old SHA-1 signature", { secret: null, headers: { "x-hub-signature": `sha1=${"0".repeat(40)}` } }],
    ["a signature of no known kind", { secret: null, headers: { "x-hub-signature-256": "none" } }],
  ])("is refused with %s and leaves nothing behind, where the same payload rightly signed starts a task", async (_name, how) => {
    const issue = await openIssue(siege);
    const payload = labeled(siege.world, PRODUCT, issue);
    const before = { deliveries: await siege.count("deliveries"), tasks: await siege.count("tasks"), runs: siege.dispatched() };

    const refused = await post(siege.world, "issues", payload, how);
    await siege.quiet();
    const after = { deliveries: await siege.count("deliveries"), tasks: await siege.count("tasks"), runs: siege.dispatched() };
    const comments = commentsOf(siege, issue).length;

    expect([400, 401]).toContain(refused);
    expect(after).toEqual(before);
    expect(comments).toBe(0);

    expect(await post(siege.world, "issues", payload)).toBe(200);
    await siege.quiet();
    expect(siege.dispatched()).toBe(before.runs + 1);
    expect(commentsOf(siege, issue)).toHaveLength(1);
  });

  it("can't fill the memory: a body beyond what GitHub sends is cut off, and one below is answered", async () => {
    const send = (megabytes: number) =>
      post(
        siege.world,
        "issues",
        { filler: "x".repeat(megabytes * 1024 * 1024) },
        { secret: null, headers: { "x-hub-signature-256": "sha256=0" } },
      );

    await expect(send(26)).rejects.toThrow();
    expect(await send(20)).toBe(400);

    expect((await fetch(`${siege.world.app.url}/healthz`)).status).toBe(200);
  });

  it("is refused when a signed body is changed by one character on its way", async () => {
    const issue = await openIssue(siege);
    const payload = labeled(siege.world, PRODUCT, issue);
    const { createHmac } = await import("node:crypto");
    const signature = createHmac("sha256", siege.world.webhookSecret).update(JSON.stringify(payload)).digest("hex");
    const tasks = await siege.count("tasks");

    const status = await post(
      siege.world,
      "issues",
      { ...payload, extra: 1 },
      { secret: null, headers: { "x-hub-signature-256": `sha256=${signature}` } },
    );
    await siege.quiet();

    expect([400, 401]).toContain(status);
    expect(await siege.count("tasks")).toBe(tasks);
    expect(
      await post(siege.world, "issues", payload, { secret: null, headers: { "x-hub-signature-256": `sha256=${signature}` } }),
    ).toBe(200);
  });
});

describe("one delivery, posted twenty times at once", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege();
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it("is answered 200 twenty times, and is one row, one task, one comment and one dispatch", async () => {
    const issue = await openIssue(siege);
    const payload = labeled(siege.world, PRODUCT, issue);
    const before = await siege.count("deliveries");

    const statuses = await Promise.all(
      Array.from({ length: 20 }, () => post(siege.world, "issues", payload, { id: "11111111-2222-3333-4444-555555555555" })),
    );
    await siege.quiet();

    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await siege.count("deliveries")).toBe(before + 1);
    expect(await siege.count("tasks")).toBe(1);
    expect(siege.dispatched()).toBe(1);
    expect(commentsOf(siege, issue)).toHaveLength(1);
  });

  it("is still one task, comment and dispatch when the twenty have ids of their own, as twenty people labelling would", async () => {
    const issue = await openIssue(siege);
    const payload = labeled(siege.world, PRODUCT, issue);
    const before = { deliveries: await siege.count("deliveries"), tasks: await siege.count("tasks"), runs: siege.dispatched() };

    await Promise.all(Array.from({ length: 20 }, () => post(siege.world, "issues", payload)));
    await siege.quiet();

    // The control of the case above: rows do grow with ids.
    expect(await siege.count("deliveries")).toBe(before.deliveries + 20);
    expect(await siege.count("tasks")).toBe(before.tasks + 1);
    expect(siege.dispatched()).toBe(before.runs + 1);
    expect(commentsOf(siege, issue)).toHaveLength(1);
  });
});

describe("GitHub's own example payloads", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege();
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it("are all answered without a server error and start nothing, with our installation in them", async () => {
    const installation = {
      id: await siege.world.github.installApp("acme"),
      node_id: "I_1",
    };
    const payloads = (examples as unknown as { name: string; examples: object[] }[]).flatMap(({ name, examples: all }) =>
      all.map((payload) => ({ name, payload })),
    );
    const statuses: Record<string, number> = {};
    const failed: string[] = [];
    const queue = [...payloads];
    // At its start the app has looked for what an earlier store had left.
    siege.world.github.resetCalls();

    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const status = await post(siege.world, next.name, { ...next.payload, installation });
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (status !== 200) failed.push(`${next.name}: ${String(status)}`);
        }
      }),
    );
    await siege.quiet();

    expect(payloads).toHaveLength(329);
    expect(failed).toEqual([]);
    expect(statuses).toEqual({ "200": 329 });
    // What is closed, moved or renamed is kept, in case it has tasks.
    const notes = await siege.rows<{ note: string | null }>("select distinct note from deliveries order by note");
    expect(notes.map(({ note }) => note)).toEqual(["0 tasks end", "the repository's name was kept"]);
    expect(await siege.count("tasks")).toBe(0);
    expect(siege.dispatched()).toBe(0);
    expect(siege.world.github.calls("installation")).toEqual({});
    expect(siege.world.app.output()).not.toMatch(/"level":(?:50|60)|"level":"(?:error|fatal)"/);
  });

  it("start a task once one of them is about the label of our repository, so that the test above can fail", async () => {
    const issue = await openIssue(siege);
    const example = (examples as unknown as { name: string; examples: Record<string, unknown>[] }[])
      .find(({ name }) => name === "issues")
      ?.examples.find((payload) => payload["action"] === "labeled");
    const { repository, installation, issue: ours, sender } = labeled(siege.world, PRODUCT, issue);

    const status = await post(siege.world, "issues", {
      ...example,
      label: { name: "agent" },
      issue: ours,
      repository,
      installation,
      sender,
    });
    await siege.quiet();

    expect(status).toBe(200);
    expect(siege.dispatched()).toBe(1);
  });

  it("do no harm either when every field of a labelled issue is something else in turn", async () => {
    const issue = await openIssue(siege);
    const good = labeled(siege.world, PRODUCT, issue);
    const before = { tasks: await siege.count("tasks"), runs: siege.dispatched() };
    const wrong: unknown[] = [undefined, null, 0, "", [], {}, "x".repeat(100_000)];
    const statuses: number[] = [];

    for (const field of ["action", "label", "issue", "repository", "sender", "installation"]) {
      for (const value of wrong) statuses.push(await post(siege.world, "issues", { ...good, [field]: value }));
    }
    await siege.quiet();

    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    expect(await siege.count("tasks")).toBe(before.tasks);
    expect(await post(siege.world, "issues", good)).toBe(200);
    await siege.quiet();
    expect(siege.dispatched()).toBe(before.runs + 1);
  });
});

describe("a label set by someone who may not start work", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege();
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  async function expectRefused(issue: number, login: string, role: string): Promise<void> {
    const comments = commentsOf(siege, issue);
    expect(siege.dispatched()).toBe(0);
    expect(await siege.count("tasks")).toBe(0);
    expect(comments).toHaveLength(1);
    expect(comments[0]?.body).toContain("not started");
    expect(comments[0]?.body).toContain(login);
    expect(comments[0]?.body).toContain(`role \`${role}\``);
    expect(comments[0]?.body).toMatch(/write access starts agent work/);
  }

  it("starts nothing when an issue template labels an outsider's issue, and says who may", async () => {
    const issue = await openIssue(siege, PRODUCT, siege.world.outsider, ["agent"]);

    await expectRefused(issue, "outsider", "none");
  });

  it.each(["triage", "read"] as const)("starts nothing for the role %s, and says who may", async (role) => {
    const person = await siege.world.github.createPerson(`${role}-only`);
    siege.world.github.setRole(PRODUCT, person.login, role);
    const issue = await openIssue(siege);
    await label(siege, issue, PRODUCT, person);

    await expectRefused(issue, person.login, role);
  });

  it("starts nothing when an outsider comments the command", async () => {
    const issue = await openIssue(siege);
    await siege.world.outsider.comment(PRODUCT, issue, "/agent use frontier");
    await siege.quiet();

    expect(siege.dispatched()).toBe(0);
    expect(commentsOf(siege, issue).filter((comment) => comment.login === siege.world.github.app.botLogin)).toHaveLength(1);
  });

  it.each<[string, object]>([
    ["a bot", { id: 49_699_333, login: "dependabot[bot]", type: "Bot" }],
    ["our own bot", {}],
    ["an organisation", { id: 49_699_334, login: "acme", type: "Organization" }],
    ["an account of a kind that is new", { id: 49_699_335, login: "mannequin", type: "Mannequin" }],
  ])("starts nothing, says nothing and stores nothing for %s", async (name, sender) => {
    const issue = await openIssue(siege);
    const { botId, botLogin } = siege.world.github.app;
    const account = name === "our own bot" ? { id: botId, login: botLogin, type: "Bot" } : sender;
    const before = await siege.count("deliveries");

    const status = await post(siege.world, "issues", labeled(siege.world, PRODUCT, issue, { sender: account }));
    await siege.quiet();

    expect(status).toBe(200);
    expect(await siege.count("deliveries")).toBe(before);
    expect(siege.dispatched()).toBe(0);
    expect(commentsOf(siege, issue)).toHaveLength(0);
  });

  it("takes the right from the sender's login at GitHub, never from what the payload says of the author", async () => {
    const { outsider } = siege.world;
    const issue = await openIssue(siege, PRODUCT, outsider);
    const payload = labeled(siege.world, PRODUCT, issue);
    const hostile = {
      ...payload,
      issue: { ...(payload["issue"] as object), author_association: "OWNER" },
      sender: { ...(payload["sender"] as object), site_admin: true },
    };

    await post(siege.world, "issues", hostile);
    await siege.quiet();

    await expectRefused(issue, "outsider", "none");
  });

  it("has one comment an issue however often an outsider labels, and edits it", async () => {
    const issue = await openIssue(siege, PRODUCT, siege.world.outsider);
    const payload = labeled(siege.world, PRODUCT, issue);

    for (let time = 0; time < 6; time += 1) {
      await post(siege.world, "issues", payload);
      await siege.quiet();
    }
    await Promise.all(Array.from({ length: 6 }, () => post(siege.world, "issues", payload)));
    await siege.quiet();

    await expectRefused(issue, "outsider", "none");
  });

  it("has one comment even when the next label arrives while the first refusal is being written", async () => {
    const issue = await openIssue(siege, PRODUCT, siege.world.outsider);
    const payload = labeled(siege.world, PRODUCT, issue);
    let labelledAgain = 0;
    const remove = siege.world.github.onCall("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", async () => {
      remove();
      labelledAgain = await post(siege.world, "issues", payload);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    });

    await post(siege.world, "issues", payload);
    await siege.quiet();

    expect(labelledAgain).toBe(200);
    await expectRefused(issue, "outsider", "none");
  });

  it("takes nobody's place: who may start work gets a task on the same issue, and the comment", async () => {
    await using own = await besiege();
    const issue = await openIssue(own, PRODUCT, own.world.outsider);
    await own.world.outsider.comment(PRODUCT, issue, "/agent use frontier");
    await own.quiet();
    const refused = commentsOf(own, issue);
    await own.world.maintainer.comment(PRODUCT, issue, "/agent");
    await own.quiet();
    const started = commentsOf(own, issue).filter((comment) => comment.login === own.world.github.app.botLogin);
    await own.world.outsider.comment(PRODUCT, issue, "/agent use frontier");
    await own.quiet();

    const after = commentsOf(own, issue).filter((comment) => comment.login === own.world.github.app.botLogin);
    expect(refused.at(-1)?.body).toContain("not started");
    expect(own.dispatched()).toBe(1);
    expect(started).toHaveLength(1);
    expect(started[0]?.body).toContain("started, waiting for a runner");
    expect(after).toEqual(started);
  });

  it("answers who may, and asks again while there is a task", async () => {
    await using own = await besiege();
    const issue = await openIssue(own);
    await label(own, issue);
    await own.world.maintainer.comment(PRODUCT, issue, "/agent use frontier");
    await own.quiet();

    const [comment] = commentsOf(own, issue).filter((each) => each.login === own.world.github.app.botLogin);
    expect(own.dispatched()).toBe(1);
    expect(comment?.body).toContain("asked again while this was under way");
    expect(comment?.body).toContain("started, waiting for a runner");
  });

  it("starts once someone with write sets it, so that each case above can fail", async () => {
    const issue = await openIssue(siege, PRODUCT, siege.world.outsider);
    await label(siege, issue, PRODUCT, siege.world.maintainer);

    expect(siege.dispatched()).toBe(1);
    expect(commentsOf(siege, issue)).toHaveLength(1);
  });
});

/** Each breaks the policy of README in one way. `path`: where the comment says the fault is. */
const BROKEN: readonly { name: string; text: string; path: string }[] = [
  { name: "is not YAML", text: "version: 1\npool: [\n", path: "(file)" },
  { name: "is empty", text: "", path: "(file)" },
  { name: "is a list", text: "- version: 1\n", path: "(file)" },
  { name: "holds two documents", text: `${SIX_LINES}---\n${SIX_LINES}`, path: "(file)" },
  { name: "gives a setting twice", text: `${SIX_LINES}budget: $9999/month\n`, path: "(file)" },
  { name: "has an unknown version", text: SIX_LINES.replace("version: 1", "version: 2"), path: "version" },
  { name: "has a misspelt setting", text: `${SIX_LINES}budgets: $1/month\n`, path: "budgets" },
  { name: "has a budget without a unit", text: SIX_LINES.replace("$200/month", "200"), path: "budget" },
  { name: "has a negative budget", text: SIX_LINES.replace("$200/month", "$-200/month"), path: "budget" },
  { name: "has no budget", text: SIX_LINES.replace("budget: $200/month\n", ""), path: "budget" },
  { name: "has no credential", text: SIX_LINES.replace(/pool:[\s\S]*?runner/, "pool: []\nrunner"), path: "pool" },
  { name: "has a provider nobody serves", text: SIX_LINES.replace("anthropic", "acme-llm"), path: "pool.0.provider" },
  { name: "names a credential with a path", text: SIX_LINES.replace("platform-api", "../secrets"), path: "pool.0.name" },
  {
    name: "names a model without a price",
    text: `${SIX_LINES}tiers:\n  light:\n    - harness: claude-code\n      model: claude-free\n`,
    path: "tiers.light.0.model",
  },
  {
    name: "names a runner that is no repository",
    text: SIX_LINES.replace("acme/agent-runner", "https://evil.example/x"),
    path: "runner",
  },
  { name: "expands aliases", text: `a: &a [x, x]\nb: [*a, *a, *a]\n${SIX_LINES}`, path: "(file)" },
  { name: "uses an alias that was never set", text: SIX_LINES.replace("$200/month", "*nowhere"), path: "(file)" },
  { name: "merges keys", text: `<<: {budget: $9/month}\n${SIX_LINES}`, path: "<<" },
];

describe("a configuration that is wrong", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege();
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  async function refusalUnder(repository: string, text: string | null, issueIn = PRODUCT): Promise<string> {
    const { github, maintainer } = siege.world;
    await github.push(repository, "main", { [FILE]: text }, "configure");
    github.setRole(issueIn, maintainer.login, "write");
    const issue = await openIssue(siege, issueIn);
    const runs = siege.dispatched();
    await label(siege, issue, issueIn);
    const comment = await commentOn(siege, issue, issueIn);
    expect(siege.dispatched()).toBe(runs);
    expect(comment).toContain("not started");
    return comment;
  }

  it.each(BROKEN)("starts nothing when the policy $name, and says the file and the place ($path)", async ({ text, path }) => {
    const comment = await refusalUnder(POLICY, text);

    expect(comment).toContain(`\`${POLICY}: ${FILE}\` is not valid`);
    expect(comment).toContain(`\`${path}\``);
    expect(comment).toMatch(/line \d+, column \d+/);
  });

  it("never repeats a key that someone put into the policy", async () => {
    const key = `sk-ant-api03-${"k".repeat(40)}`;
    const comment = await refusalUnder(POLICY, SIX_LINES.replace("    provider", `    key: ${key}\n    provider`));

    expect(comment).toContain("`pool.0.key`");
    expect(comment).not.toContain("kkkkkkkk");
  });

  it.each<[string, string, string]>([
    ["belongs to another owner", SIX_LINES.replace("acme/agent-runner", "evil/agent-runner"), "evil/agent-runner"],
    ["is the product repository itself", SIX_LINES.replace("acme/agent-runner", PRODUCT), PRODUCT],
    ["is the product repository itself, in other letters", SIX_LINES.replace("acme/agent-runner", "Acme/WEB"), PRODUCT],
    ["isn't installed", SIX_LINES.replace("acme/agent-runner", "acme/nowhere"), "acme/nowhere"],
  ])("starts nothing when the runner repository %s", async (_name, text, named) => {
    expect(await refusalUnder(POLICY, text)).toContain(named);
  });

  it.each([RUNNER, POLICY])("starts nothing in %s, which holds the pool's own files", async (repository) => {
    await siege.world.github.push(POLICY, "main", { [FILE]: SIX_LINES }, "configure");
    const { maintainer } = siege.world;
    siege.world.github.setRole(repository, maintainer.login, "admin");
    const issue = await openIssue(siege, repository, maintainer, ["agent"]);

    const comments = commentsOf(siege, issue, repository);
    expect(siege.dispatched()).toBe(0);
    expect(comments).toHaveLength(1);
    expect(comments[0]?.body).toContain(`No task starts in \`${repository}\``);
  });

  it.each([
    ["is not YAML", "verify: [", "(file)"],
    ["has a misspelt setting", "version: 1\nverfy: [npm test]\n", "verfy"],
    ["has commands that are no list", "version: 1\nverify: npm test\n", "verify"],
    ["widens a guard beyond its limit", "version: 1\nguards:\n  max-files: 100000\n", "guards.max-files"],
    ["names a credential, which only the policy may", "version: 1\npool: []\n", "pool"],
  ])("starts nothing when the repository's settings %s", async (_name, text, path) => {
    await siege.world.github.push(POLICY, "main", { [FILE]: SIX_LINES }, "configure");
    const comment = await refusalUnder(PRODUCT, text);

    expect(comment).toContain(`\`${PRODUCT}: ${FILE}\` is not valid`);
    expect(comment).toContain(`\`${path}\``);
  });

  it("starts nothing when the policy is missing, and says where it belongs", async () => {
    const comment = await refusalUnder(POLICY, null);

    expect(comment).toContain(`no \`${FILE}\` in \`${POLICY}\``);
  });

  it("starts once both files are right again, so that each case above can fail", async () => {
    await siege.world.github.push(POLICY, "main", { [FILE]: SIX_LINES }, "repair");
    await siege.world.github.push(PRODUCT, "main", { [FILE]: "version: 1\n" }, "repair");
    const issue = await openIssue(siege);
    const runs = siege.dispatched();
    await label(siege, issue);

    expect(siege.dispatched()).toBe(runs + 1);
  });

  it("names the repository to make when the owner has no `.github` at all", async () => {
    await using bare = await besiege({ policy: null });
    const issue = await openIssue(bare);
    await label(bare, issue);

    expect(bare.dispatched()).toBe(0);
    expect(commentsOf(bare, issue)).toHaveLength(1);
    expect(commentsOf(bare, issue)[0]?.body).toContain(`no \`${FILE}\` in \`${POLICY}\``);
  });
});
