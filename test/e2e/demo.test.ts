import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "#playground/independent.ts";
import { demo, inputFile, ROOT } from "../kit/demo.ts";

/** A repository of a kind nobody arranged for us: CRLF by attribute, an executable, an empty file, a symlink, a space in a name. */
async function ownRepository(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "own-repository-"));
  await git(folder, "init", "--quiet", "--initial-branch=trunk");
  const files: Record<string, string> = {
    ".gitattributes": "*.txt text eol=crlf\n*.bin binary\n",
    ".gitignore": "build/\n",
    "notes with space.txt": "one\ntwo\n",
    "bin/tool": "#!/bin/sh\necho old\n",
    "empty.md": "",
    "docs/old.md": "old\n",
    ".github/agent-pool.yml": 'version: 1\nverify: ["test -x bin/tool", "test ! -e docs/old.md"]\n',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  chmodSync(join(folder, "bin/tool"), 0o755);
  symlinkSync("empty.md", join(folder, "link.md"));
  await git(folder, "add", "--all");
  await git(folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=first");
  return folder;
}

describe("the demo", () => {
  it("works on a repository, issue and script of one's own, and takes the tier from a comment", async () => {
    const script = inputFile(
      "script.json",
      JSON.stringify([
        { write: { path: "notes with space.txt", content: "one\r\ntwo\r\nthree\r\n" } },
        { write: { path: "new/größe.txt", content: "neu\r\n" } },
        {
          run: "rm docs/old.md && mkdir -p build && echo junk > build/out && printf '#!/bin/sh\\necho new\\n' > bin/tool && chmod +x empty.md",
        },
        { say: "Tool, notes and documents are up to date." },
      ]),
    );
    const issue = inputFile("issue.md", "Bring tool and notes up to date\n\nThe document in `docs/old.md` can go.\n");

    const ended = await demo([
      "--json",
      "--repo",
      await ownRepository(),
      "--issue",
      issue,
      "--script",
      script,
      "--comment",
      "/agent use frontier",
    ]);

    expect(ended.code, ended.lines.join("\n") + ended.stderr).toBe(0);
    expect(ended.json).toMatchObject({
      ok: true,
      contractViolations: 0,
      comments: 1,
      credential: "platform-api",
      task: { state: "solved" },
      route: { tier: "frontier", harness: "claude-code", model: "claude-opus-5-5" },
      attempts: [{ verdict: "solved", sandbox: "srt" }],
      pullRequest: {
        author: "agent-pool[bot]",
        draft: true,
        base: "trunk",
        files: [
          { path: "bin/tool", status: "modified" },
          { path: "docs/old.md", status: "deleted" },
          { path: "empty.md", status: "modified" },
          { path: "new/größe.txt", status: "added" },
          { path: "notes with space.txt", status: "modified" },
        ],
      },
    });
    expect(ended.lines.join("\n")).toContain("| frontier | claude-code | claude-opus-5-5, effort high |");
  });

  it("works on a seat of the policy, which its owner lends first", async () => {
    const policy = inputFile(
      "policy.yml",
      "version: 1\npool:\n  - { name: ada-max, provider: anthropic, kind: seat, owner: ada, serves: everyone }\n  - { name: bob-pro, provider: anthropic, kind: seat, owner: bob }\nrunner: acme/agent-runner\nbudget: $200/month\n",
    );

    const ended = await demo(["--json", "--policy", policy]);

    expect(ended.code, ended.lines.join("\n") + ended.stderr).toBe(0);
    expect(ended.json).toMatchObject({
      ok: true,
      contractViolations: 0,
      comments: 1,
      credential: "ada-max",
      attempts: [{ verdict: "solved", costUsd: 0, listedUsd: expect.closeTo(0.010_173) as number }],
      pullRequest: { body: expect.stringContaining("| `ada-max` | ≈ $0.0102 at list price, paid by subscription |") as string },
    });
    expect(ended.lines.filter((line) => line.includes(" lends a seat "))).toEqual([
      expect.stringContaining("ada lends a seat by a comment on issue #1: /agent lend ada-max"),
    ]);
    expect(ended.lines.join("\n")).toContain("| ≈ $0.0102 at list price, paid by subscription |");
  });

  it("fails, and says why, where the model changes nothing, on whatever route", async () => {
    const script = inputFile("script.json", JSON.stringify([{ say: "Looks fine to me." }]));

    const ended = await demo(["--json", "--script", script]);

    expect(ended.code).toBe(1);
    expect(ended.json).toMatchObject({
      ok: false,
      pullRequest: null,
      task: { state: "unsolved" },
      comments: 1,
    });
    const verdicts = (ended.json["attempts"] as { verdict: string }[]).map(({ verdict }) => verdict);
    expect(verdicts.length).toBeGreaterThan(1);
    expect(new Set(verdicts)).toEqual(new Set(["noChange"]));
    expect(ended.lines.join("\n")).toContain("attempts, each on another route, brought nothing that could be published");
  }, 180_000);

  it("ends with the answer where a comment asks for that alone", async () => {
    const ended = await demo(["--json", "--comment", "/agent help"]);

    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.json).toMatchObject({ ok: true, ended: "answered" });
    expect(ended.lines.join("\n")).toContain("| `/agent help` |");
  });

  it("without bubblewrap says so in one line and runs the scripted model unsandboxed", async () => {
    const ended = await demo(["--json"], await pathWithout("bwrap"));

    expect(ended.code, ended.lines.join("\n") + ended.stderr).toBe(0);
    expect(ended.lines.filter((line) => line.includes("UNSANDBOXED"))).toHaveLength(1);
    expect(ended.json).toMatchObject({ ok: true, attempts: [{ sandbox: "none" }] });
    expect(ended.lines.join("\n")).toContain("Run without a sandbox");
  });

  it("refuses --live without bubblewrap", async () => {
    const path = await pathWithout("bwrap");
    const child = spawn(process.execPath, [join(ROOT, "playground/demo/main.ts"), "--live"], {
      cwd: ROOT,
      env: { PATH: path, ANTHROPIC_API_KEY: "sk-ant-none" },
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const code = await new Promise((resolve) => child.on("exit", resolve));

    expect(code).toBe(2);
    expect(stderr).toContain("apt-get install bubblewrap socat ripgrep");
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "stopped by %s in the middle of a job leaves no process and no file",
    async (signal) => {
      const temp = mkdtempSync(join(tmpdir(), "demo-stopped-"));
      const child = spawn(process.execPath, [join(ROOT, "playground/demo/main.ts")], {
        cwd: ROOT,
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: temp },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let stdout = "";
      const underWay = new Promise<void>((resolve) => {
        child.stdout.on("data", (chunk: Buffer) => {
          stdout += chunk.toString();
          if (stdout.includes("job: fetched")) resolve();
        });
      });
      const exited = new Promise((resolve) => child.on("exit", resolve));

      await Promise.race([underWay, exited]);
      child.kill(signal);

      expect(await exited, stdout).toBe(130);
      expect(readdirSync(temp)).toEqual([]);
      const left = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
        .stdout.split("\n")
        .filter((line) => line.includes(temp));
      expect(left).toEqual([]);
    },
  );

  it.each([
    [["--repo", "/does/not/exist"], "is not a folder"],
    [["--repo", tmpdir()], "is not a git repository with a commit"],
    [["--script", inputFile("empty.json", "[]")], "--script: the script has no steps"],
    [["--issue", inputFile("empty.md", "\n\n")], "--issue: the first line should be the title"],
    [["--comment", "please /agent"], "a comment that asks for work has a line that begins with /agent"],
    [["--tomorrow"], "Unknown option '--tomorrow'; `npm run demo -- --help`"],
    [["tomorrow"], "Unexpected argument 'tomorrow'; `npm run demo -- --help`"],
    [["--repo", "--live"], "Option '--repo' argument is ambiguous; `npm run demo -- --help`"],
    [["--live"], "--live needs ANTHROPIC_API_KEY"],
  ])("with %j ends with 2 and one clear line", async (args, message) => {
    const ended = await demo(args);

    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(message);
    expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  });

  it("refuses --live on the seats of a policy, which the key can't stand for", async () => {
    const seat = "{ name: ada-max, provider: anthropic, kind: seat, owner: ada }";
    const policy = inputFile("policy.yml", `version: 1\npool: [${seat}]\nrunner: acme/agent-runner\nbudget: $200/month\n`);

    const ended = await demo(["--live", "--policy", policy]);

    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("the policy's pool has seats");
  });

  it("names the step of a script that is wrong", async () => {
    const ended = await demo(["--script", inputFile("bad.json", '[{"say":"Hello."},{"wirte":{}}]')]);

    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/--script: .*a step is .* at \[1\]/s);
  });
});

/** The PATH's programs but one, as links in a folder of their own. */
async function pathWithout(program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "path-without-"));
  for (const from of (process.env["PATH"] ?? "").split(delimiter)) {
    let names: string[] = [];
    try {
      names = readdirSync(from);
    } catch {
      continue;
    }
    for (const name of names) {
      if (name === program) continue;
      try {
        symlinkSync(join(from, name), join(folder, name));
      } catch {
        // An earlier folder of the PATH has it: that one counts.
      }
    }
  }
  return folder;
}
