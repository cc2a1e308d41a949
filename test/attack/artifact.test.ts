import { createHash, generateKeyPairSync } from "node:crypto";
import { zipSync, type Zippable } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Claim, MAX_OUTCOME_BYTES, type Outcome } from "#core/wire/contract.ts";
import { type KeyPair, seal, SEALED_OUTCOME } from "#core/wire/sealed.ts";
import { PRODUCT } from "#playground/world.ts";
import { besiege, ROOMY, type Siege } from "./kit.ts";
import { added, claimAs, claimedJob, identityOf, ran, reportAs, type Job } from "./job.ts";

type Claimed = Job & { runToken: string; claim: Claim };

const { artifact: ARTIFACT, file: FILE, maxBytes } = SEALED_OUTCOME;

function makeKeys(): KeyPair {
  const { x = "", d = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  return { publicKey: x, privateKey: d };
}

/** As the Action seals it, or with one thing of another's. */
function sealedBy(job: Claimed, outcome: unknown, not: { key?: string; lease?: string; runToken?: string } = {}): Buffer {
  const tokenHash = createHash("sha256")
    .update(not.runToken ?? job.runToken)
    .digest("hex");
  const text = typeof outcome === "string" ? outcome : JSON.stringify(outcome);
  const lease = not.lease ?? job.attempt;
  return seal(text, makeKeys(), not.key ?? job.claim.outcomeKey ?? "", { lease, tokenHash });
}

const stored = (files: Zippable) => zipSync(files, { level: 0 });
const archived = (file: Uint8Array, level: 0 | 9 = 0) => zipSync({ [FILE]: file }, { level });

describe("the artifact of a run that could not report", () => {
  let siege: Siege;
  let job: Claimed;
  let other: Claimed;
  beforeAll(async () => {
    siege = await besiege({ policy: ROOMY });
    other = await claimedJob(siege);
  });
  afterAll(() => siege[Symbol.asyncDispose]());

  /** The run ends, and the app has looked. */
  async function end(of: Claimed, archive: Uint8Array | undefined, name: string = ARTIFACT): Promise<void> {
    const { host } = siege.world.github;
    await host.startRun(of.run.id, `agent-pool ${of.attempt}`);
    if (archive !== undefined) await host.storeArtifact(of.run.id, { name, archive: Buffer.from(archive), retentionDays: 1 });
    await host.completeRun(of.run.id, "failure");
    await siege.quiet();
  }
  async function stateOf({ attempt }: Job) {
    const [row] = await siege.rows<{ state: string; outcome_keys: object | null }>(
      "select state, outcome_keys from leases where id = $1",
      [attempt],
    );
    return row;
  }
  const logged = (attempt: string) =>
    siege.world.app
      .output()
      .split("\n")
      .filter((line) => line.includes(attempt))
      .join("\n");

  it("is taken as if it had been sent: charged once, published, and its keys forgotten", async () => {
    job = await claimedJob(siege);
    const outcome = ran();
    expect((await stateOf(job))?.outcome_keys).not.toBeNull();

    await end(job, archived(sealedBy(job, outcome)));
    const again = await reportAs(siege.world, job.attempt, job.runToken, outcome);

    expect(await stateOf(job)).toEqual({ state: "settled", outcome_keys: null });
    expect((await siege.rows("select kind from ledger where lease_id = $1", [job.attempt])).length).toBe(2);
    expect((await siege.world.github.pulls(PRODUCT)).map((pull) => pull.body)).toEqual([
      expect.stringContaining(`#${String(job.issue)}.`),
    ]);
    expect(again.status).toBe(200);
  });

  it("changes nothing where the outcome had arrived", async () => {
    job = await claimedJob(siege);
    const sent = ran();
    expect((await reportAs(siege.world, job.attempt, job.runToken, sent)).status).toBe(200);

    await end(job, archived(sealedBy(job, ran())));

    expect(await stateOf(job)).toEqual({ state: "settled", outcome_keys: null });
    expect(await reportAs(siege.world, job.attempt, job.runToken, sent)).toMatchObject({ status: 200 });
  });

  it("is judged as everything that is sent: it can't publish what the guards refuse", async () => {
    job = await claimedJob(siege);

    await end(job, archived(sealedBy(job, ran([added(".github/workflows/x.yml")]))));

    expect((await stateOf(job))?.state).toBe("settled");
    expect(siege.world.github.comments(PRODUCT, job.issue)[0]?.body).toContain(".github/workflows/x.yml");
  });

  it("opens with the keys of the claim that was answered last", async () => {
    job = await claimedJob(siege);
    const { runToken, outcomeKey } = job.claim;
    // The answer was lost: the same job claims again.
    const identity = { ...identityOf(siege.world, job), checkRunId: await checkRunOf(job) };
    const second = await claimAs(siege.world, job.attempt, await siege.world.oidc.mint(identity));
    const claim = second.json as Claim;
    expect([claim.runToken === runToken, claim.outcomeKey === outcomeKey]).toEqual([false, false]);

    await end(
      { ...job, runToken: claim.runToken, claim },
      archived(sealedBy({ ...job, runToken: claim.runToken, claim }, ran())),
    );

    expect((await stateOf(job))?.state).toBe("settled");
  });
  async function checkRunOf({ attempt }: Job): Promise<number> {
    return Number(
      (await siege.rows<{ check_run: string }>("select check_run from leases where id = $1", [attempt]))[0]?.check_run,
    );
  }

  const bytes = (length: number) => Buffer.alloc(length, 7);
  it.each<[string, string, (of: Claimed) => Uint8Array]>([
    ["is sealed by someone who knows the key, and not the run token", "not-for-this-lease", (of) => archived(sealedBy(of, ran(), { runToken: "x" }))],
    ["is sealed to another key", "not-for-this-lease", (of) => archived(sealedBy(of, ran(), { key: makeKeys().publicKey }))],
    ["was another run's", "not-for-this-lease", () => archived(sealedBy(other, ran()))],
    ["is sealed for another lease", "not-for-this-lease", (of) => archived(sealedBy(of, ran(), { lease: other.attempt }))],
    ["is not sealed at all", "not-sealed", () => archived(Buffer.from(JSON.stringify(ran())))],
    ["holds no JSON", "not-of-the-contract", (of) => archived(sealedBy(of, "{"))],
    ["holds no outcome", "not-of-the-contract", (of) => archived(sealedBy(of, { ...ran(), ms: -1 }))],
    ["is of a later contract", "not-of-the-contract", (of) => archived(sealedBy(of, { ...ran(), contract: 3 }))],
    ["is no archive", "no-archive", () => bytes(500)],
    ["is empty", "no-archive", () => bytes(0)],
    ["is cut", "no-archive", (of) => archived(sealedBy(of, ran())).subarray(0, -30)],
    ["has the file in a folder", "not-the-file", (of) => stored({ [`up/${FILE}`]: sealedBy(of, ran()) })],
    ["has the file above it", "not-the-file", (of) => stored({ [`../${FILE}`]: sealedBy(of, ran()) })],
    ["would have to be inflated", "not-the-file", () => archived(bytes(4 * maxBytes), 9)],
    ["is too large", "too-large", () => archived(bytes(maxBytes + 5_000))],
    ["says of its file that it is longer than all of it", "not-the-file", (of) => claimsToHold(archived(sealedBy(of, ran())), 0x7fffffff)],
  ])("that %s is refused and the reason logged: the run reported nothing", async (_name, reason, archive) => {
    job = await claimedJob(siege);

    await end(job, archive(job));

    expect(await stateOf(job)).toEqual({ state: "lost", outcome_keys: null });
    expect(logged(job.attempt)).toContain(reason);
    expect(siege.world.github.comments(PRODUCT, job.issue)[0]?.body).toContain("reported nothing");
  }); // prettier-ignore

  it("is not looked for under another name", async () => {
    job = await claimedJob(siege);

    await end(job, archived(sealedBy(job, ran())), "something-else");

    expect((await stateOf(job))?.state).toBe("lost");
  });

  it("has room for the largest outcome there can be", async () => {
    job = await claimedJob(siege);
    const outcome: Outcome = ran([added("big.txt", "")]);
    const room = MAX_OUTCOME_BYTES - JSON.stringify(outcome).length;
    const largest = ran([added("big.txt", "x".repeat(Math.floor(room / 4) * 3 - 100))]);

    await end(job, archived(sealedBy(job, largest)));

    expect((await stateOf(job))?.state).toBe("settled");
  });

  it("keeps GitHub's contract in every request", () => {
    expect(siege.world.github.violations()).toEqual([]);
  });
});

/** With another length in the archive's own list of what it holds, for which a reader would make room. */
function claimsToHold(archive: Uint8Array, length: number): Uint8Array {
  const changed = Buffer.from(archive);
  const entry = changed.indexOf(Buffer.from("PK\u0001\u0002", "latin1"));
  changed.writeUInt32LE(length, entry + 20);
  changed.writeUInt32LE(length, entry + 24);
  return changed;
}
