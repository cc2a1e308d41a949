import { createHmac, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Claim } from "#core/wire/contract.ts";
import type { JobIdentity, MintOverrides } from "#playground/oidc.ts";
import { CREDENTIAL, PRODUCT, RUNNER } from "#playground/world.ts";
import { besiege, commentOn, ROOMY, type Siege } from "./kit.ts";
import { beatAs, claimAs, dispatchedJob, identityOf, type Answer, type Job } from "./job.ts";

const MINT = "POST /app/installations/{installation_id}/access_tokens";

const encode = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** Signed again by `alg` with a secret everyone knows, or not at all. */
function forge(token: string, header: object, secret?: string): string {
  const signed = `${encode(header)}.${token.split(".")[1] ?? ""}`;
  return `${signed}.${secret === undefined ? "" : createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

type Forgery = (siege: Siege, job: Job) => Promise<string>;

function withClaims(claims: MintOverrides["claims"]): Forgery {
  return ({ world }, job) => world.oidc.mint(identityOf(world, job), claims === undefined ? {} : { claims });
}
function as(change: (identity: JobIdentity) => Partial<JobIdentity>): Forgery {
  return ({ world }, job) => {
    const identity = identityOf(world, job);
    return world.oidc.mint({ ...identity, ...change(identity) });
  };
}

const NOW_S = Math.floor(Date.now() / 1000);

const FORGERIES: readonly [string, number, Forgery][] = [
  ["another repository", 403, withClaims({ repository_id: "1" })],
  ["another owner", 403, withClaims({ repository_owner_id: "1" })],
  ["a push, not our dispatch", 403, withClaims({ event_name: "push" })],
  ["a pull request of a fork", 403, withClaims({ event_name: "pull_request_target" })],
  ["another workflow file", 403, as(() => ({ workflow: { name: "agent-pool", path: ".github/workflows/mine.yml" } }))],
  ["the workflow of another branch", 403, as(() => ({ ref: "refs/heads/feature" }))],
  [
    "a workflow whose name merely ends alike",
    403,
    withClaims({ workflow_ref: `evil/${RUNNER}/.github/workflows/agent-pool.yml@refs/heads/main` }),
  ],
  ["a tag named like the branch", 403, withClaims({ ref: "refs/tags/main" })],
  ["an unprotected branch", 403, as(() => ({ refProtected: false }))],
  ["no word on the branch's protection", 403, withClaims({ ref_protected: undefined })],
  ["another environment", 403, as(() => ({ environment: "team-api" }))],
  ["the environment in other letters", 403, as(() => ({ environment: CREDENTIAL.toUpperCase() }))],
  ["a person as the actor", 403, ({ world }, job) => world.oidc.mint({ ...identityOf(world, job), actor: world.maintainer })],
  [
    "the bot's login on a person's id",
    403,
    ({ world }, job) =>
      world.oidc.mint({ ...identityOf(world, job), actor: { id: world.outsider.id, login: world.github.app.botLogin } }),
  ],
  ["a re-run", 403, as((identity) => ({ run: { ...identity.run, attempt: 2 } }))],
  ["another run", 403, as((identity) => ({ run: { ...identity.run, id: identity.run.id + 1 } }))],
  ["no environment", 401, as(() => ({ environment: undefined }))],
  ["no check run", 401, withClaims({ check_run_id: undefined })],
  ["an empty check run", 401, withClaims({ check_run_id: "" })],
  ["numbers where GitHub writes strings", 401, withClaims({ repository_id: 1 })],
  ["a token that has expired", 401, withClaims({ iat: NOW_S - 900, nbf: NOW_S - 900, exp: NOW_S - 300 })],
  ["a token that is not valid yet", 401, withClaims({ nbf: NOW_S + 3_600, exp: NOW_S + 7_200 })],
  ["a token without an end", 401, withClaims({ exp: undefined })],
  ["GitHub's default audience", 401, as(() => ({ audience: "https://github.com/acme" }))],
  ["the audience of another app", 401, as(() => ({ audience: "https://agents.evil.example" }))],
  ["another issuer", 401, withClaims({ iss: "https://token.actions.evil.example" })],
  ["the signature of a stranger", 401, ({ world }, job) => world.oidc.mint(identityOf(world, job), { signedBy: "stranger" })],
  ["a key id that was never published", 401, ({ world }, job) => world.oidc.mint(identityOf(world, job), { kid: randomUUID() })],
  [
    "no signature (alg none)",
    401,
    async (siege, job) => forge(await siege.world.oidc.mint(identityOf(siege.world, job)), { alg: "none", typ: "JWT" }),
  ],
  [
    "the public key used as a shared secret (alg HS256)",
    401,
    async (siege, job) => {
      const keys = await (await fetch(`${siege.world.oidc.url}/.well-known/jwks`)).text();
      return forge(await siege.world.oidc.mint(identityOf(siege.world, job)), { alg: "HS256", typ: "JWT" }, keys);
    },
  ],
  ["no token at all", 401, () => Promise.resolve("not-a-token")],
];

describe("a claim by something that is not the dispatched run", () => {
  let siege: Siege;
  let job: Job;
  let other: Job;
  const refusals: { name: string; answer: Answer }[] = [];

  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
    job = await dispatchedJob(siege);
    other = await dispatchedJob(siege);
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  const stateOf = async (attempt: string) =>
    (
      await siege.rows<{ state: string; run_token_hash: string | null }>(
        "select state, run_token_hash from leases where id = $1",
        [attempt],
      )
    )[0];

  async function refused(name: string, token: string, attempt = job.attempt): Promise<Answer> {
    const minted = siege.world.github.calls()[MINT];
    const answer = await claimAs(siege.world, attempt, token);
    expect(answer.json["runToken"]).toBeUndefined();
    expect(siege.world.github.calls()[MINT]).toBe(minted);
    expect(await stateOf(job.attempt)).toEqual({ state: "offered", run_token_hash: null });
    refusals.push({ name, answer });
    return answer;
  }

  it.each(FORGERIES)("with %s is refused with %i, mints no token and leaves the attempt offered", async (name, status, make) => {
    const answer = await refused(name, await make(siege, job));

    expect(answer.status).toBe(status);
  });

  it("with the token of another dispatched run of this pool is refused, though every signature holds", async () => {
    const answer = await refused("another attempt's run", await siege.world.oidc.mint(identityOf(siege.world, other)));

    expect(answer.status).toBe(403);
  });

  it("of an attempt that doesn't exist is answered exactly as one of an attempt that is someone else's", async () => {
    const token = await siege.world.oidc.mint(identityOf(siege.world, job));

    const unknown = await claimAs(siege.world, randomUUID(), token);
    const foreign = await claimAs(siege.world, other.attempt, token);

    expect(unknown).toEqual(foreign);
    expect(unknown.status).toBe(403);
  });

  it("learns nothing: all refusals of a status are the same words, which name nobody and no claim", () => {
    const { github, maintainer } = siege.world;
    const names = [
      job.attempt,
      other.attempt,
      CREDENTIAL,
      "acme",
      "agent-runner",
      "maintainer",
      String(job.run.id),
      String(github.app.botId),
      String(maintainer.id),
      siege.world.oidc.url,
    ];
    const claims = [
      "repository",
      "owner",
      "event",
      "workflow",
      "ref",
      "environment",
      "actor",
      "run_attempt",
      "audience",
      "expired",
      "signature",
    ];

    const texts = new Set(refusals.map(({ answer }) => `${String(answer.status)} ${answer.text}`));

    expect(refusals.length).toBeGreaterThan(FORGERIES.length);
    expect([...texts].map((text) => text.slice(0, 3)).toSorted()).toEqual(["401", "403"]);
    for (const text of texts)
      for (const word of [...names, ...claims]) expect(text.toLowerCase()).not.toContain(word.toLowerCase());
  });

  it.each([
    ["without a header", null],
    ["with another scheme", "Basic eDp5"],
    ["with two tokens", "Bearer a b"],
    ["with 100 kB of token", `Bearer ${"x".repeat(8_200)}`],
  ])("%s is refused with 401 before its body is looked at", async (_name, authorization) => {
    const response = await fetch(`${siege.world.app.url}/runs/${job.attempt}/claim`, {
      method: "POST",
      body: "{ not json",
      headers: authorization === null ? {} : { authorization },
    });

    expect(response.status).toBe(401);
    expect((await stateOf(job.attempt))?.state).toBe("offered");
  });

  it("leaves the right run its claim, which is given one narrow token: what shows that all the others could have been given it", async () => {
    const minted = siege.world.github.calls()[MINT] ?? 0;

    const answer = await claimAs(siege.world, job.attempt, await siege.world.oidc.mint(identityOf(siege.world, job)));

    const claim = answer.json as Claim;
    expect(answer.status, answer.text).toBe(200);
    expect(siege.world.github.calls()[MINT]).toBe(minted + 1);
    expect((await stateOf(job.attempt))?.state).toBe("held");
    // One repository, to read: the product is readable with it, the runner repository and the policy are not.
    const read = async (repository: string) =>
      (
        await fetch(`${siege.world.github.url}/repos/${repository}/contents/README.md`, {
          headers: { authorization: `Bearer ${claim.checkout.token}` },
        })
      ).status;
    const git = async (repository: string, service: string) =>
      (
        await fetch(`${siege.world.github.url}/${repository}.git/info/refs?service=${service}`, {
          headers: { authorization: `Basic ${Buffer.from(`x-access-token:${claim.checkout.token}`).toString("base64")}` },
        })
      ).status;
    expect(await git(PRODUCT, "git-upload-pack")).toBe(200);
    expect(await git(PRODUCT, "git-receive-pack")).toBeGreaterThanOrEqual(400);
    expect(await git(RUNNER, "git-upload-pack")).toBeGreaterThanOrEqual(400);
    expect(await git("acme/.github", "git-upload-pack")).toBeGreaterThanOrEqual(400);
    expect(await read(RUNNER)).toBeGreaterThanOrEqual(400);
  });
});

describe("the right claim, repeated", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  it("is answered again before the first heartbeat, with a new run token that replaces the old", async () => {
    const { world } = siege;
    const job = await dispatchedJob(siege);
    const identity = identityOf(world, job);

    const first = await claimAs(world, job.attempt, await world.oidc.mint(identity));
    const second = await claimAs(world, job.attempt, await world.oidc.mint(identity));

    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.json["runToken"]).not.toBe(first.json["runToken"]);
    expect((await beatAs(world, job.attempt, String(first.json["runToken"]))).status).toBe(401);
    expect((await beatAs(world, job.attempt, String(second.json["runToken"]))).status).toBe(200);
    expect(Number(second.json["deadlineMs"])).toBeLessThanOrEqual(Number(first.json["deadlineMs"]));
  });

  it("is refused with 409 after the first heartbeat, and the job that works keeps its run token", async () => {
    const { world } = siege;
    const job = await dispatchedJob(siege);
    const identity = identityOf(world, job);
    const first = await claimAs(world, job.attempt, await world.oidc.mint(identity));
    const token = String(first.json["runToken"]);
    expect((await beatAs(world, job.attempt, token)).status).toBe(200);

    const late = await claimAs(world, job.attempt, await world.oidc.mint(identity));

    expect(late.status).toBe(409);
    expect(late.json["runToken"]).toBeUndefined();
    expect((await beatAs(world, job.attempt, token)).status).toBe(200);
  });

  it("is refused with 409 to another job of the same run, and mints nothing for it", async () => {
    const { world } = siege;
    const job = await dispatchedJob(siege);
    const identity = identityOf(world, job);
    const first = await claimAs(world, job.attempt, await world.oidc.mint(identity));
    const minted = world.github.calls()[MINT];

    const second = await claimAs(world, job.attempt, await world.oidc.mint({ ...identity, checkRunId: identity.checkRunId + 1 }));

    expect([first.status, second.status]).toEqual([200, 409]);
    expect(world.github.calls()[MINT]).toBe(minted);
    expect((await beatAs(world, job.attempt, String(first.json["runToken"]))).status).toBe(200);
  });

  it("is given to one of twenty jobs of the run that claim at once", async () => {
    const { world } = siege;
    const job = await dispatchedJob(siege);
    const tokens = await Promise.all(Array.from({ length: 20 }, () => world.oidc.mint(identityOf(world, job))));

    const answers = await Promise.all(tokens.map((token) => claimAs(world, job.attempt, token)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });
});

describe("the locks of the runner repository, looked at before a dispatch", () => {
  let siege: Siege;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
    const { github } = siege.world;
    const secrets = { AGENT_POOL_KEY: "x" };
    github.createEnvironment(RUNNER, "open-to-all", { branches: "all", secrets, variables: {} });
    github.createEnvironment(RUNNER, "protected-only", { branches: "protected", secrets, variables: {} });
    github.createEnvironment(RUNNER, "two-branches", { branches: ["main", "dev"], secrets, variables: {} });
    github.createEnvironment(RUNNER, "another-branch", { branches: ["dev"], secrets, variables: {} });
    github.createEnvironment(RUNNER, "any-name", { branches: ["*"], secrets, variables: {} });
    github.createEnvironment(RUNNER, "no-branch", { branches: [], secrets, variables: {} });
    github.createEnvironment(RUNNER, "locked", { branches: ["main"], secrets, variables: {} });
    await github.createRepository({
      owner: "acme",
      name: "open-runner",
      private: false,
      files: { ".github/workflows/agent-pool.yml": "on: workflow_dispatch\n" },
    });
    github.createEnvironment("acme/open-runner", CREDENTIAL, { branches: ["main"], secrets, variables: {} });
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  async function askUnder(policy: string): Promise<string> {
    const { github, maintainer } = siege.world;
    await github.push("acme/.github", "main", { ".github/agent-pool.yml": policy }, "configure");
    const { number } = await maintainer.openIssue(PRODUCT, { title: "The last page is missing", body: "", labels: ["agent"] });
    return commentOn(siege, number);
  }

  it.each(["open-to-all", "protected-only", "two-branches", "another-branch", "any-name", "no-branch", "never-made"])(
    "%s: no dispatch, the lease given back, and the comment says how to lock it",
    async (environment) => {
      const runs = siege.dispatched();

      const comment = await askUnder(ROOMY.replace(CREDENTIAL, environment));

      expect(siege.dispatched()).toBe(runs);
      expect(comment).toContain("not started");
      expect(comment).toContain(
        `The environment \`${environment}\` of \`${RUNNER}\` is missing, or open to other branches than \`main\``,
      );
      expect(await siege.rows("select 1 from holds")).toHaveLength(0);
    },
  );

  it("a public runner repository gets no dispatch, and the comment says why", async () => {
    const comment = await askUnder(ROOMY.replace(RUNNER, "acme/open-runner"));

    expect(siege.world.github.runs("acme/open-runner")).toHaveLength(0);
    expect(comment).toContain("`acme/open-runner` is public");
  });

  it("an environment that only the default branch reaches gets its dispatch, so that each case above can fail", async () => {
    const runs = siege.dispatched();

    await askUnder(ROOMY.replace(CREDENTIAL, "locked"));

    expect(siege.dispatched()).toBe(runs + 1);
  });
});
