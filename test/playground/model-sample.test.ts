import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseScript } from "#playground/model/script.ts";

describe("sample repository", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "agent-pool-sample-"));
    await cp("playground/sample", folder, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function runTests(): number | null {
    const env = { PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
    return spawnSync("npm", ["test"], { cwd: folder, env }).status;
  }

  it("fails its tests before the script's writes and passes them after", async () => {
    const script = parseScript(await readFile("playground/sample-script.json", "utf8"));
    const steps = script.ok ? script.value : expect.fail(script.error);
    const before = runTests();
    for (const step of steps) {
      if ("write" in step) await writeFile(join(folder, step.write.path), step.write.content);
    }

    expect([before, runTests()]).toEqual([1, 0]);
  });

  it("verifies with the command that its script runs", async () => {
    const settings = parse(await readFile(join(folder, ".github/agent-pool.yml"), "utf8")) as object;

    expect(settings).toEqual({ version: 1, verify: ["npm test"] });
    expect(await readFile("playground/sample-script.json", "utf8")).toContain('"run": "npm test"');
  });

  it("has an issue with a title and a body", async () => {
    const [title, ...body] = (await readFile("playground/sample-issue.md", "utf8")).split("\n");

    expect(title?.length).toBeGreaterThan(20);
    expect(body.join("\n").length).toBeGreaterThan(200);
  });
});
