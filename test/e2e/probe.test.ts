import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectOperator } from "#adapters/github/operator.ts";
import { createWorld, CREDENTIAL, RUNNER, type World } from "#playground/world.ts";
import { runCommand } from "../kit/operator.ts";
import { sampleFiles, sampleScript } from "../kit/sample.ts";

type Finding = { readonly name: string; readonly ok: boolean | null; readonly why: string; readonly fix: string | null };

describe("a probe by doctor", () => {
  let world: World;
  let env: Record<string, string>;

  beforeAll(async () => {
    world = await createWorld({ product: { files: sampleFiles() }, script: sampleScript() });
    await world.app.start();
    await world.github.createPerson("ada");
    world.github.setOrganizationRole("acme", "ada", "admin");
    const { APP_ID = "", PRIVATE_KEY = "", GITHUB_API_URL = "" } = world.app.variables;
    env = { APP_ID, PRIVATE_KEY, GITHUB_API_URL, PUBLIC_URL: world.app.url, GH_TOKEN: world.github.personToken("ada") };
  });
  afterAll(() => world[Symbol.asyncDispose]());

  async function probe(): Promise<Finding> {
    const { out, err } = await runCommand(world.dataDir, ["doctor", "acme", "--probe", "--json"], { env });
    const { checks } = JSON.parse(out || "{}") as { checks?: Finding[] };
    const found = checks?.find(({ name }) => name === "probe");
    if (found === undefined) throw new Error(err);
    return found;
  }

  it("proves identity, sandbox and gateway on the runner, and calls no model", async () => {
    expect(await probe()).toMatchObject({ ok: true, fix: null });

    const [run] = world.github.runs(RUNNER);
    expect(run).toMatchObject({ conclusion: "success", actor: world.github.app.botLogin });
    expect(run?.inputs).toMatchObject({
      attempt: expect.stringMatching(/^probe-[0-9a-f]{32}$/) as string,
      credential: CREDENTIAL,
    });
    expect(world.model.requests()).toEqual([]);
  });

  it.each<{ what: string; break: () => unknown; mend: () => unknown }>([
    {
      what: "no key comes to the job",
      break: () => world.github.createEnvironment(RUNNER, CREDENTIAL, { branches: ["main"], secrets: {}, variables: {} }),
      mend: () =>
        world.github.createEnvironment(RUNNER, CREDENTIAL, {
          branches: ["main"],
          secrets: { AGENT_POOL_KEY: world.key },
          variables: {},
        }),
    },
    {
      what: "jobs report to another app",
      break: () => world.setWorkflow({ appUrl: world.oidc.url }),
      mend: () => world.setWorkflow({ appUrl: world.app.url }),
    },
    {
      what: "the branch that the job comes from is not protected",
      break: () => connectOperator(world.github.url, env["GH_TOKEN"] ?? "").unprotectBranch(RUNNER, "main"),
      mend: () => world.github.protectBranch(RUNNER, "main"),
    },
  ])("fails where $what, and names the run whose log says so", async ({ break: breaks, mend }) => {
    await breaks();

    const found = await probe();

    await mend();
    expect(found.ok).toBe(false);
    expect(found.fix).toMatch(/^GH_HOST=127\.0\.0\.1 gh run view \d+ --repo acme\/agent-runner --log-failed/);
  });

  it("is answered to nobody who shows no identity of a run", async () => {
    const ask = async (id: string, token: string) => {
      const headers = { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) };
      const asked = { method: "POST", headers, body: JSON.stringify({ contract: 2 }) };
      return (await fetch(`${world.app.url}/runs/${id}/probe`, asked)).status;
    };
    const id = `probe-${"0".repeat(32)}`;

    expect(await ask(id, "")).toBe(401);
    expect(await ask(id, "a.b.c")).toBe(401);
    expect(await ask("probe-1", "a.b.c")).toBe(404);
    expect(await ask("1f0c2a9b-0000-4000-8000-000000000000", "a.b.c")).toBe(404);
  });

  it("tells an Action from before there were probes to be raised", async () => {
    const headers = { "content-type": "application/json", authorization: "Bearer a.b.c" };
    const body = JSON.stringify({ contract: 2, harnesses: [] });
    const asked = await fetch(`${world.app.url}/runs/probe-${"0".repeat(32)}/claim`, { method: "POST", headers, body });

    expect(asked.status).toBe(409);
    expect(await asked.json()).toMatchObject({ error: "this Action doesn't know probes" });
  });
});
