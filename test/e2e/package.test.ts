import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, TOOL_CACHE } from "#playground/world.ts";
import { KEY, makeOrganisation } from "../kit/operator.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-pool-package-"));
const home = join(folder, "home");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A user's shell in an empty folder with the package installed; `npx` as it comes with npm. */
const userEnv = (): NodeJS.ProcessEnv => {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_(?!config)|NODE_(?!EXTRA)|VITEST|XDG_)/.test(name)),
  );
  // Without the repository's own programs, of which one is a newer Node.
  const path = (env["PATH"] ?? "").split(":").filter((it) => !it.includes("node_modules")).join(":"); // prettier-ignore
  return { ...env, PATH: path, XDG_CACHE_HOME: home };
};

function npx(args: readonly string[], more: Record<string, string> = {}, timeout = 170_000) {
  const { status, stdout, stderr } = spawnSync("npx", ["--no-install", "agent-pool", ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...userEnv(), ...more },
    timeout,
  });
  return { status, stdout, stderr };
}

beforeAll(() => {
  const packed = execFileSync("npm", ["pack", "--pack-destination", folder, "--json"], { cwd: ROOT, encoding: "utf8" });
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf("["))) as [{ filename: string }];
  execFileSync("npm", ["init", "-y"], { cwd: folder, stdio: "ignore", env: userEnv() });
  execFileSync("npm", ["install", `./${filename}`], { cwd: folder, stdio: ["ignore", "ignore", "pipe"], env: userEnv() });
  // What the first demo would fetch: 390 MB.
  mkdirSync(join(home, "agent-pool"), { recursive: true });
  symlinkSync(TOOL_CACHE, join(home, "agent-pool", "tools"));
}, 300_000);

describe("the package, installed into an empty folder", () => {
  it("holds no TypeScript, no test and nothing of git", () => {
    const files = readdirSync(join(folder, "node_modules/agent-pool"), { recursive: true, encoding: "utf8" });

    expect(files).toContain("dist/src/main.js");
    expect(files).toContain("dist/action/action.yml");
    expect(files).toContain("schema/policy.json");
    expect(files.filter((file) => /\.ts$|(^|\/)(test|attack|bench|scripts|\.git)(\/|$)/.test(file) && !file.includes("playground/sample/"))).toEqual([]); // prettier-ignore
    expect(existsSync(join(folder, "node_modules/vitest"))).toBe(false);
  });

  it("says what it can, and that what it can't is not there", () => {
    expect(npx(["--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("agent-pool start") as string });
    expect(npx(["frobnicate"])).toMatchObject({ status: 2, stderr: expect.stringContaining("there is no command") as string });
    expect(npx(["pool"])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("there is no store in ./.agent-pool") as string,
    });
    expect(npx(["init", "--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("--undo") as string });
    expect(npx(["init", "acme"])).toMatchObject({ status: 2, stderr: expect.stringContaining("gh auth login") as string });
    expect(npx(["demo", "--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("--comment") as string });
  }, 60_000);

  it("starts the app, which shows the page that makes one", () => {
    const { stderr } = npx(["start"], { PORT: "0", HOST: "127.0.0.1" }, 8_000);

    expect(stderr).toMatch(
      /there is no GitHub App yet\. Make one in a browser, by this link:\n {2}http:\/\/localhost:\d+\/probot\?key=/,
    );
  }, 60_000);

  it("sets an organisation up with the Action of its own commit, and proves it", async () => {
    await using place = await makeOrganisation();
    await place.github.installApp("acme");
    const env = {
      GH_TOKEN: place.github.personToken("ada"),
      GITHUB_API_URL: place.github.url,
      PUBLIC_URL: "http://127.0.0.1:9",
      APP_ID: String(place.github.app.id),
      PRIVATE_KEY: place.github.app.privateKeyPem,
    };
    const run = async (args: readonly string[], input = "") => {
      const running = promisify(execFile)("npx", ["--no-install", "agent-pool", ...args], {
        cwd: folder,
        env: { ...userEnv(), ...env },
      });
      running.child.stdin?.end(input);
      return running.catch((error: unknown) => error as { stdout: string; stderr: string });
    };

    const { stdout, stderr } = await run(["init", "acme", "--yes", "--repository", "acme/web"], KEY);
    expect(stderr).toBe("");
    expect(stdout).toContain("done: write .github/workflows/agent-pool.yml in acme/agent-runner");
    const { checks } = JSON.parse((await run(["doctor", "acme", "--json"])).stdout) as {
      checks: { name: string; ok: boolean | null; why: string }[];
    };
    // Where the app is said to be nobody answers.
    const failed = checks.filter(({ ok }) => ok === false).map(({ name }) => name);
    expect(failed.toSorted()).toEqual(["app-reachable", "webhook-answered"]);
    expect(checks).toContainEqual({ name: "workflow-release", ok: true, why: "app and Action are of one release", fix: null });
  }, 120_000);

  it("names programs that are there", () => {
    const dist = join(folder, "node_modules/agent-pool/dist");
    const actions = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith("action.yml"));
    const programs = actions.flatMap((file) =>
      [...readFileSync(join(dist, file), "utf8").matchAll(/\b(?:main|post): ([\w./-]+\.\w+)/g)].map((match) =>
        join(dist, dirname(file), match[1] ?? ""),
      ),
    );

    expect(programs).toHaveLength(3);
    expect(programs.filter((program) => !existsSync(program))).toEqual([]);
  });

  it("plays the demo to its pull request", () => {
    const { status, stdout, stderr } = npx(["demo", "--json"]);

    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ contractViolations: 0, comments: 1 });
  }, 180_000);
});
