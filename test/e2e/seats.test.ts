import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EFFECTS } from "#core/task/effects.ts";
import { waitForComment, waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, type World } from "#playground/world.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

const POLICY_REPOSITORY = "acme/.github";
const POLICY = `version: 1
pool:
  - name: ada-max
    provider: anthropic
    kind: seat
    owner: ada
    serves: everyone
runner: acme/agent-runner
budget: $200/month
`;

describe("a pool of one seat", () => {
  let world: World;
  let receipt = "";
  const asked: Record<"before" | "lent" | "after", string> = { before: "", lent: "", after: "" };
  let lends = 0;

  beforeAll(async () => {
    world = await createWorld({
      product: { files: sampleFiles() },
      policy: POLICY,
      pool: [{ name: "ada-max", kind: "seat", owner: "ada" }],
      script: sampleScript(),
    });
    await world.app.start();
    const ada = world.seatOwners[0]!.person;
    asked.before = await ask();
    lends = (await ada.openIssue(PRODUCT, { title: "Seats", body: "" })).number;
    await say("/agent lend ada-max", ada, /lends `ada-max`\./);
    asked.lent = await ask();
    await say("/agent unlend ada-max", ada, /lends `ada-max` no longer/);
    asked.after = await ask();
    const isLast = (body: string) => body.includes("this is the last receipt");
    await waitForComment(world, POLICY_REPOSITORY, 1, isLast, 30_000);
    receipt = world.github.comments(POLICY_REPOSITORY, 1)[0]?.body ?? "";
    await world.runner?.idle();
    await world.app.stop();
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function ask(): Promise<string> {
    const { number } = await world.maintainer.openIssue(PRODUCT, { ...SAMPLE_ISSUE, labels: ["agent"] });
    expect(await waitForEnd(world, PRODUCT, number, 60_000), world.app.output().slice(-3_000)).toBe(true);
    return comment(number);
  }
  async function say(words: string, person: World["maintainer"], answer: RegExp): Promise<void> {
    await person.comment(PRODUCT, lends, words);
    const answered = await waitForComment(world, PRODUCT, lends, (body) => answer.test(body), 30_000);
    expect(answered, world.app.output().slice(-3_000)).toBe(true);
  }
  function comment(issue: number): string {
    const ours = world.github.comments(PRODUCT, issue).filter(({ login }) => login === world.github.app.botLogin);
    expect(ours).toHaveLength(1);
    return ours[0]?.body ?? "";
  }

  it.each(["before", "after"] as const)("starts no work of others %s its owner lends it, and says why", (when) => {
    expect(asked[when]).toContain("**agent-pool** · not started");
    expect(asked[when]).toContain("seats whose owners have not agreed to serve others");
  });

  it("works for others while it is lent", () => {
    expect(asked.lent).toContain("is ready for review");
    expect(asked.lent).toMatch(/\| ada-max \| solved \| .* \| ≈ \$0\.0102 at list price, paid by subscription \|/);
  });

  it("tells its owner in the policy repository what it was used for, and that it is taken back", () => {
    const { login } = world.seatOwners[0]!.person;
    expect(receipt).toContain(`what the seats of \`${login}\` were lent for`);
    expect(receipt).toContain("### `ada-max` · taken back: it serves nobody else");
    expect(receipt).toMatch(/\| tasks served \| none \| 1, in 1 repository \|/);
    expect(receipt).toMatch(/\| for whom \| nobody \| `maintainer` 1 \|/);
    expect(receipt).toMatch(/nothing of \$0\.0102 drawn at list price/);
    expect(receipt).not.toContain("web");
    const opened = world.github.callList().filter(({ route, party }) => route === EFFECTS.openIssue && party === "installation");
    expect(opened).toHaveLength(1);
    expect(world.github.comments(POLICY_REPOSITORY, 1)).toHaveLength(1);
  });

  it("shows the provider its token and nothing else, as the CLI does", () => {
    const calls = world.model.requests().filter(({ turn }) => turn !== undefined);

    expect(calls).toHaveLength(3);
    for (const { headers, key } of calls) {
      expect(key).toBe(world.key);
      expect(headers["authorization"]).toBe(`Bearer ${world.key}`);
      expect(headers["x-api-key"]).toBeUndefined();
      expect(headers["anthropic-beta"]?.split(",")).toContain("oauth-2025-04-20");
    }
    expect(world.key).toMatch(/^sk-ant-oat01-/);
  });

  it("keeps GitHub's contract in every request, answer and payload", () => {
    expect(world.github.violations()).toEqual([]);
  });
});
