import { describe, expect, it, vi } from "vitest";
import { readFacts } from "#app/doctor.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { AppView } from "#ports/app-view.ts";
import type { GitHubFailure } from "#ports/github.ts";
import type { Operator } from "#ports/operator.ts";
import { repositoryFacts as repository } from "../kit/repository-facts.ts";

const clock = vi.hoisted(() => ({ now: 0 }));
vi.mock("node:timers/promises", () => ({ setTimeout: (ms: number) => Promise.resolve(void (clock.now += ms)) }));

const POLICY =
  "version: 1\npool:\n  - { name: platform-api, provider: anthropic }\nrunner: acme/agent-runner\nbudget: $200/month\n";
const PAGE = "https://github.com/acme/agent-runner/actions/runs/5";
const refused: GitHubFailure = { reason: "github-refused", route: "GET /x", status: 403, message: "no" };
const down: GitHubFailure = {
  reason: "github-unavailable",
  route: "GET /x",
  message: "down",
  retryAfterMs: null,
  tokenRefused: false,
};

/** Everything else is refused. */
const some = <T extends object>(known: Partial<T>): T =>
  new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? (() => Promise.resolve(err(refused))) }) as T;

/** `conclude`: what is read of the run at each look. */
async function probe(conclude: (look: number) => Result<string | undefined, GitHubFailure>) {
  vi.spyOn(performance, "now").mockImplementation(() => clock.now);
  const did: string[] = [];
  const told: string[] = [];
  let looks = 0;
  const operator = some<Operator>({
    readRepository: (name) => Promise.resolve(ok(repository(name))),
    readFile: (name) => Promise.resolve(ok(name === "acme/.github" ? { text: POLICY, blob: "p" } : undefined)),
    readEnvironment: () => Promise.resolve(ok(undefined)),
    findPull: () => Promise.resolve(ok(undefined)),
  });
  const app = some<AppView>({
    readInstallation: () =>
      Promise.resolve(ok({ id: 9, page: "", suspended: false, permissions: {}, events: [], repositories: [], selected: false })),
    startProbe: (_installation, { repository: on, credential }) => {
      did.push(`start on ${on} with ${credential}`);
      return Promise.resolve(
        ok({
          page: PAGE,
          readConclusion: () => Promise.resolve(conclude((looks += 1))),
          cancel: () => Promise.resolve((did.push("cancel"), ok(undefined))),
          close: () => Promise.resolve(void did.push("close")),
        }),
      );
    },
  });
  const facts = await readFacts(
    {
      owner: "acme",
      release: { action: undefined, permissions: {}, events: [] },
      pages: "https://github.com",
      publicUrl: undefined,
      repositories: [],
      probeId: "probe-1",
    },
    { operator, app, askServer: () => Promise.resolve(err("nothing")), tell: (what) => void told.push(what) },
  );
  vi.restoreAllMocks();
  return { found: facts.probe, did, told };
}

describe("a probe's run", () => {
  const START = "start on acme/agent-runner with platform-api";

  it("is waited for, and gives back its token", async () => {
    const { found, did } = await probe((look) => ok(look < 3 ? undefined : "success"));

    expect(found).toEqual({ seen: { conclusion: "success", page: PAGE } });
    expect(did).toEqual([START, "close"]);
  });

  it("is cancelled where it hasn't ended after ten minutes, before its token is given back", async () => {
    const { found, did } = await probe(() => ok(undefined));

    expect(found).toEqual({ seen: { conclusion: "no end within ten minutes, and was cancelled", page: PAGE } });
    expect(did).toEqual([START, "cancel", "close"]);
  });

  it("says what GitHub answered while it couldn't be read", async () => {
    const once = await probe((look) => (look === 1 ? err(down) : ok("failure")));
    const always = await probe(() => err(down));

    expect(once.found).toMatchObject({ seen: { conclusion: "failure" } });
    expect(once.told).toContainEqual(expect.stringContaining("GitHub answered: down"));
    expect(always.found).toMatchObject({ seen: { conclusion: expect.stringContaining("(down)") as string } });
  });
});
