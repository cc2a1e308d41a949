import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { intake } from "#app/intake.ts";
import { readConfigChange } from "#app/intake-config.ts";
import type { Delivery } from "#ports/delivery.ts";
import type { Deps } from "#app/deps.ts";

type Payload = Record<string, unknown>;
const EXAMPLES = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
  readonly name: string;
  readonly examples: readonly Payload[];
}[];

const FILE = ".github/agent-pool.yml";
const [BEFORE, AFTER] = ["a".repeat(40), "b".repeat(40)];
const REPOSITORY = { id: 20, name: "web", private: true, default_branch: "main", owner: { id: 10, login: "acme" } };
const touching = (values: Payload = {}) => ({ added: [], modified: [], removed: [], ...values });
const push = (values: Payload = {}): Payload => ({
  ref: "refs/heads/main",
  before: BEFORE,
  after: AFTER,
  deleted: false,
  forced: false,
  commits: [touching({ modified: [FILE] })],
  repository: REPOSITORY,
  installation: { id: 5 },
  ...values,
});
const FORK = { sha: AFTER, repo: { id: 77 } };
const pull = (action: string, head: Payload = FORK): Payload => ({
  action,
  pull_request: { head, base: { ref: "main" } },
  repository: REPOSITORY,
  installation: { id: 5 },
});

const CHANGES: readonly (readonly [string, string, Payload, object | null])[] = [
  ["a push to the default branch that changes it", "push", push(), { commit: BEFORE }],
  ["one that adds it", "push", push({ commits: [touching(), touching({ added: [FILE] })] }), { commit: BEFORE }],
  ["one that removes it", "push", push({ commits: [touching({ removed: [FILE] })] }), { commit: BEFORE }],
  ["the first push of a repository", "push", push({ before: "0".repeat(40) }), null],
  ["a push to another branch", "push", push({ ref: "refs/heads/topic/x" }), { branch: "main" }],
  ["a forced push, of which nobody says what it takes back", "push", push({ forced: true, commits: [] }), { commit: BEFORE }],
  [
    "a push of more commits than are listed",
    "push",
    push({ commits: Array.from({ length: 2_048 }, () => touching()) }),
    { commit: BEFORE },
  ],
  [
    "a commit of more files than are listed",
    "push",
    push({ commits: [touching({ added: Array.from({ length: 3_000 }, String) })] }),
    { commit: BEFORE },
  ],
  ["a fork's pull request", "pull_request", pull("opened"), { branch: "main" }],
  ["another push to it", "pull_request", pull("synchronize"), { branch: "main" }],
  ["one opened again", "pull_request", pull("reopened"), { branch: "main" }],
  ["one whose fork is gone", "pull_request", pull("opened", { sha: AFTER, repo: null }), { branch: "main" }],
];

const NOTHING: readonly (readonly [string, string, Payload])[] = [
  ["a push of other files", "push", push({ commits: [touching({ modified: ["src/agent-pool.yml", `docs/${FILE}`] })] })],
  ["a tag", "push", push({ ref: "refs/tags/v1" })],
  ["a branch that goes", "push", push({ deleted: true, after: "0".repeat(40) })],
  ["a push without an installation", "push", push({ installation: undefined })],
  ["a commit id that is none", "push", push({ after: "main" })],
  [
    "a pull request from the repository itself, whose push said so",
    "pull_request",
    pull("opened", { sha: AFTER, repo: { id: 20 } }),
  ],
  ["a pull request that closes", "pull_request", pull("closed")],
  ["a pull request that is labelled", "pull_request", pull("labeled")],
  ["another event's name", "issues", push()],
];

describe("what may change the configuration", () => {
  it.each(CHANGES)("is %s", (_name, event, payload, against) => {
    const read = readConfigChange(event, payload);

    const place = {
      installation: 5,
      owner: { id: 10, login: "acme" },
      repository: { id: 20, name: "web", private: true },
    };
    expect(read).toEqual({
      id: `configuration 20 ${AFTER}`,
      event: { kind: "config-changed", place, commit: AFTER, against },
    });
  });

  it.each(NOTHING)("is not %s", (_name, event, payload) => {
    expect(readConfigChange(event, payload)).toBeUndefined();
  });

  it("is no example of GitHub's but the fork's", () => {
    const payloads = EXAMPLES.flatMap(({ name, examples }) => examples.map((payload) => [name, payload] as const));

    const read = payloads.map(([name, payload]) => readConfigChange(name, { ...payload, installation: { id: 5 } }));

    expect(payloads.length).toBeGreaterThan(300);
    expect(read.filter((change) => change !== undefined)).toEqual([]);
  });
});

describe("intake of a configuration's change", () => {
  function recording(known: readonly string[] = []) {
    const recorded: Delivery[] = [];
    const record = (delivery: Delivery): boolean => {
      if (known.includes(delivery.id)) return false;
      recorded.push(delivery);
      return true;
    };
    const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const deps = { store: { recordDelivery: (one: Delivery) => Promise.resolve(record(one)) }, runtime: { log } };
    return { recorded, deps: deps as unknown as Pick<Deps, "store" | "runtime"> };
  }
  const taking = (owners: readonly string[], payload: Payload, known?: readonly string[]) => {
    const { recorded, deps } = recording(known);
    return intake(deps, owners, { id: "guid", name: "push", payload }).then((isNew) => ({ isNew, recorded }));
  };

  it("keeps two things of a push that takes something back as well", async () => {
    const message = `Revert\n\nThis reverts commit ${"d".repeat(40)}.`;

    const { recorded } = await taking([], push({ commits: [{ ...touching({ modified: [FILE] }), message }] }));

    expect(recorded.map(({ id, event }) => [id, event.kind])).toEqual([
      ["guid", "reverts"],
      [`configuration 20 ${AFTER}`, "config-changed"],
    ]);
  });

  it("keeps a commit once, whatever tells of it, and nothing of an owner who isn't served", async () => {
    const again = await taking([], push(), [`configuration 20 ${AFTER}`]);
    const other = await taking(["somebody"], push());

    expect([again.isNew, again.recorded, other.isNew, other.recorded]).toEqual([false, [], false, []]);
  });
});
