import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reservePort } from "#playground/reserved-port.ts";
import { waitForEnd } from "#playground/watch.ts";
import { createWorld, PRODUCT, ROOT, type World } from "#playground/world.ts";
import { askGitHub, browse, LINK } from "../kit/browser.ts";
import { runCommand } from "../kit/operator.ts";
import { SAMPLE_ISSUE, sampleFiles, sampleScript } from "../kit/sample.ts";

describe("from an empty folder and an organisation that has nothing of agent-pool's", () => {
  const stack = new AsyncDisposableStack();
  let world: World;
  let folder: string;
  let said = "";
  let env: Record<string, string>;
  let url: string;

  beforeAll(async () => {
    world = stack.use(await createWorld({ product: { files: sampleFiles() }, script: sampleScript(), setUp: false }));
    folder = await mkdtemp(join(tmpdir(), "agent-pool-hour-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    await world.github.createPerson("ada");
    world.github.setOrganizationRole("acme", "ada", "admin");
    const { port } = stack.use(await reservePort());
    url = `http://localhost:${String(port)}`;
    env = {
      HOST: "127.0.0.1",
      PORT: String(port),
      GITHUB_API_URL: world.github.url,
      OIDC_ISSUER: world.oidc.url,
      AGENT_POOL_PLAYGROUND: "1",
    };
  });
  afterAll(() => stack.disposeAsync());

  it("three commands and one label lead to a pull request", async () => {
    // The first: agent-pool start, and two pages of GitHub's in a browser.
    const app = spawn(process.execPath, [join(ROOT, "bin/agent-pool.js"), "start"], {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(app, "exit");
    stack.defer(async () => {
      app.kill("SIGKILL");
      await exited;
    });
    for (const stream of [app.stdout, app.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const saying = async (pattern: RegExp) => {
      await expect.poll(() => pattern.exec(said)?.[1], { timeout: 30_000 }).toBeDefined();
    };
    await saying(LINK);
    const { back } = await askGitHub(LINK.exec(said)?.[1] ?? "", url);
    await browse(back);
    await saying(/(agent-pool is ready)/);
    await world.github.installApp("acme");

    // The second: agent-pool init, with the key by a pipe.
    const { key } = world;
    const init = `init acme --yes --repository ${PRODUCT} --base-url anthropic=${world.model.url}`;
    const GH_TOKEN = world.github.personToken("ada");
    const setUp = await runCommand(folder, init.split(" "), { env: { GITHUB_API_URL: world.github.url, GH_TOKEN }, input: key });
    expect(setUp, setUp.err + setUp.out).toMatchObject({ code: 0, err: "" });

    // The label.
    const { number } = await world.maintainer.openIssue(PRODUCT, SAMPLE_ISSUE);
    await world.maintainer.label(PRODUCT, number, "agent");
    expect(await waitForEnd(world, PRODUCT, number, 90_000), said.slice(-3_000)).toBe(true);
    const pulls = await world.github.pulls(PRODUCT);
    expect(pulls.filter(({ login }) => login === world.github.app.botLogin)).toMatchObject([{ base: "main", state: "open" }]);
    expect(world.github.violations()).toEqual([]);
    expect(said + setUp.out).not.toContain(key);
  }, 150_000);
});
