import { execFile, execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inputs } from "../../action/src/runner/inputs.ts";
import { makeOtherUser, type OtherUser } from "../../action/src/sandbox/other-user.ts";
import { prepare } from "../../action/src/job/prepare.ts";
import type { Reach, SandboxedCommand } from "../../action/src/sandbox/sandbox.ts";
import { makeWorkspace, type Workspace } from "../../action/src/runner/workspace.ts";
import { asRoot } from "./kit/as-root.ts";
import { toText } from "./kit/checkout.ts";
import { containing } from "./kit/matchers.ts";
import { sendStream, turnOf } from "./kit/model.ts";
import { setStage } from "./kit/stage.ts";
import { installed, requireSandbox, testSurroundings } from "./kit/tool-cache.ts";

const PREPARE_ONLY = fileURLToPath(new URL("kit/prepare-only.ts", import.meta.url));
const NOTHING: Reach = { to: "nothing" };
let workspace: Workspace;
let user: OtherUser;

function ours(): string[] {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
}

/** What a machine knows of a user: its name, its group, and what the packet filter says of it. */
function tracesOf(name: string, uid: string): string[] {
  const lines = [
    ["cat", "/etc/passwd", "/etc/group"],
    ["iptables", "-S", "OUTPUT"],
    ["ip6tables", "-S", "OUTPUT"],
  ].flatMap((it) => asRoot(...it).split("\n"));
  return lines.filter((it) => it.startsWith(`${name}:`) || it.includes(`--uid-owner ${uid} `));
}

async function inside(line: string, change: Partial<SandboxedCommand> = {}): Promise<string> {
  const ended = await user.run({ line, reach: NOTHING, until: performance.now() + 20_000, ...change });
  return `${ended.stdout.toString("utf8")}${ended.stderr}`.trim();
}

describe("a separate user as the sandbox", () => {
  beforeAll(async () => {
    requireSandbox();
    workspace = await makeWorkspace(testSurroundings().temp);
    execFileSync("git", ["init", "-q"], { cwd: workspace.repo });
    const made = await makeOtherUser({ surroundings: testSurroundings(), workspace, toolFolders: [] }, await installed("srt"));
    if (!made.ok) throw new Error(made.error);
    user = made.value;
  }, 120_000);
  afterAll(async () => {
    await user[Symbol.asyncDispose]();
    await workspace[Symbol.asyncDispose]();
  });

  test("has no group but its own, no capability, no way to more, and an environment of what it was given", async () => {
    const seen = await inside(
      "id -G | wc -w; grep -E '^(NoNewPrivs|Cap(Prm|Eff|Bnd))' /proc/self/status; sudo -n true || echo refused; env",
    );

    expect(seen).toMatch(/^1\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1\n/);
    expect(seen).toContain("refused");
    expect([...seen.matchAll(/^([A-Z_a-z0-9]+)=/gm)].map(([, name]) => name).toSorted()).toEqual(
      ["CI", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0", "HOME", "LANG", "PATH", "PWD", "SHLVL", "TERM", "TMPDIR", "_"],
    ); // prettier-ignore
  });

  test("writes in the checkout, HOME and TMPDIR, and what it wrote is the Action's afterwards", async () => {
    await writeFile(join(workspace.repo, "a.txt"), "old\n");

    const seen = await inside('echo new > a.txt; mkdir -m 0 closed; touch "$HOME/kept" "$TMPDIR/kept"; git status --porcelain');

    expect(seen).toContain("?? a.txt");
    expect(await readFile(join(workspace.repo, "a.txt"), "utf8")).toBe("new\n");
    const written = ["repo/a.txt", "repo/closed", "home/kept", "tmp/kept"].map((it) => join(workspace.repo, "..", it));
    for (const path of written) expect((await stat(path)).uid).toBe(process.getuid?.());
    await rm(join(workspace.repo, "closed"), { recursive: true });
  });

  test("can't write to .git or .github, nor put another in their place", async () => {
    await mkdir(join(workspace.repo, "sub"), { recursive: true });
    const tries = [".git/commondir", ".git/config", ".git/hooks/pre-commit", ".github/workflow.yml"].map(
      (it) => `echo x >> ${it}`,
    );
    const moves = ["mv .git other", "rm -rf .git/HEAD", "mv .github other", "rmdir .github", "chmod 777 .git .", "mv sub sub2"];

    const seen = await inside([...tries, ...moves].map((it) => `${it} 2>/dev/null && echo 'did ${it}'`).join("; "));

    // The last is the control: what is the user's own moves.
    expect(seen.match(/^did .*$/gm)).toEqual(["did mv sub sub2"]);
    expect(await readdir(workspace.repo)).not.toContain(".github");
  });

  test("reads nothing of the Action's: neither its files nor its environment", async () => {
    await writeFile(join(workspace.hidden, "secret"), "hidden", { mode: 0o644 });

    const seen = await inside(
      `cat ${workspace.hidden}/secret; cat /proc/${process.pid}/environ; cat /proc/*/environ | tr '\\0' '\\n'; ls ..`,
    );

    expect(seen).not.toMatch(/^hidden$|RUNNER_|VITEST/m);
    expect(seen).toContain("Permission denied");
  });

  test("reaches the one address it was given, and no other by IPv4 or IPv6", async () => {
    const listen = async (host: string): Promise<{ address: string; close: () => void }> => {
      const server = createServer((_request, response) => void response.end("reached"));
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const { port } = server.address() as AddressInfo;
      return { address: `${host.includes(":") ? `[${host}]` : host}:${port}`, close: () => void server.close() };
    };
    const all = [await listen("127.0.0.2"), await listen("127.0.0.2"), await listen("127.0.0.1"), await listen("::1")];
    const get = all.map(({ address }) => `curl -s -o /dev/null -m 5 -w '%{http_code} ' http://${address}/`).join("; ");

    const address = all[0]?.address ?? "";
    const codes = [await inside(get, { reach: { to: "gateway", address } }), await inside(get)];
    const { stdout: control } = await promisify(execFile)("bash", ["-c", get]);
    for (const it of all) it.close();

    expect(codes).toEqual(["200 000 000 000", "000 000 000 000"]);
    expect(control.trim()).toBe("200 200 200 200");
  });

  test("is let out to registries by a proxy that knows no other host", async () => {
    const get = (host: string): string => `curl -s -o /dev/null -m 10 -w '%{http_connect} ' https://${host}/`;
    const hosts = ["example.com", "api.github.com", "169.254.169.254", "registry.npmjs.org.example.com"];

    expect(await inside(hosts.map(get).join("; "), { reach: { to: "registries" } })).toBe("403 403 403 403");
  });

  test("is not shown what a harness hides of the checkout, which stands again afterwards", async () => {
    await mkdir(join(workspace.repo, ".opencode"));
    await writeFile(join(workspace.repo, ".opencode/x.json"), "{}");
    // As set-up may leave one: who may not write to a folder can't move it.
    await chmod(join(workspace.repo, ".opencode"), 0o555);

    const seen = await inside("ls -A; mkdir .opencode && echo mine > .opencode/x.json", {
      hides: [".opencode", "opencode.json"],
    });

    expect(seen).not.toContain(".opencode");
    expect(await readFile(join(workspace.repo, ".opencode/x.json"), "utf8")).toBe("{}");
  });

  test("leaves no process behind, also where one has left its group, its parent and its terminal", async () => {
    const seconds = `41${process.pid}`;

    expect(await inside(`(setsid setsid sleep ${seconds} > /dev/null 2>&1 < /dev/null &) ; echo over`)).toBe("over");
    expect(ours()).not.toContain(`sleep ${seconds}`);
  });

  test("is ended at its time limit, and once it has more memory or processes than it may", async () => {
    const seconds = `42${process.pid}`;
    const most = { processes: 60, bytes: 300 * 1024 ** 2 };
    const filling = `'${process.execPath}' -e 'globalThis.all = Buffer.alloc(500e6, 1); setTimeout(() => {}, 63_000)'`;
    const until = performance.now() + 90_000;

    const late = await user.run({
      line: `trap '' TERM; setsid sleep ${seconds} & sleep ${seconds}`,
      reach: NOTHING,
      until: performance.now() + 1_500,
    });
    const full = await user.run({ line: filling, reach: NOTHING, until, most });
    const many = await user.run({
      line: `for i in $(seq 100); do setsid sleep ${seconds} & done; sleep ${seconds}`,
      reach: NOTHING,
      until,
      most,
    });
    const fine = await user.run({ line: "sleep 2", reach: NOTHING, until, most });

    expect([late, full, many, fine].map(({ killed }) => killed)).toEqual([true, true, true, false]);
    expect(ours()).not.toContain(`sleep ${seconds}`);
  });

  test("shows nobody on the machine what it was given", async () => {
    const seconds = `1.0${process.pid}`;
    const running = inside(`sleep ${seconds}; echo "$DUMMY"`, { env: { DUMMY: "sk-dummy-of-this-run" } });
    let during = "";
    for (let tries = 0; tries < 100 && !during.includes(`\nsleep ${seconds}\n`); tries += 1) {
      await sleep(50);
      during += ours().join("\n");
    }

    expect(await running).toBe("sk-dummy-of-this-run");
    expect(during).toContain(`\nsleep ${seconds}\n`);
    expect(during).not.toContain("sk-dummy-of-this-run");
  });
});

describe("where bubblewrap may not make namespaces", () => {
  beforeAll(async () => {
    requireSandbox();
    for (const tool of ["srt", "claude-code"] as const) await installed(tool);
  }, 300_000);

  /** As AppArmor has it on ubuntu-24.04. */
  async function refusing(): Promise<AsyncDisposable & { readonly path: string }> {
    const folder = await mkdtemp(join(tmpdir(), "programs-"));
    await writeFile(join(folder, "bwrap"), "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n", {
      mode: 0o755,
    });
    await chmod(folder, 0o755);
    return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  }

  async function prepared(
    change: Partial<Inputs["surroundings"]>,
  ): Promise<AsyncDisposable & { ready: Awaited<ReturnType<typeof prepare>> }> {
    const surroundings = { ...testSurroundings(), ...change };
    const its = await makeWorkspace(surroundings.temp);
    const ready = await prepare({ surroundings } as Inputs, its, () => {});
    return {
      ready,
      async [Symbol.asyncDispose]() {
        if (ready.ok) await ready.value[Symbol.asyncDispose]();
        await its[Symbol.asyncDispose]();
      },
    };
  }

  test("the job's sandbox is a separate user, which is gone with its rules afterwards", async () => {
    await using programs = await refusing();
    let traces: () => string[];
    {
      await using job = await prepared({ path: `${programs.path}:${testSurroundings().path}` });
      if (!job.ready.ok) throw new Error(job.ready.error.detail);
      const sandbox = job.ready.value.sandboxFor([]);
      const who = await sandbox.run({ line: "id -un; id -u", reach: NOTHING, until: performance.now() + 20_000 });
      const [name = "", uid = ""] = who.stdout.toString("utf8").split("\n");
      traces = () => tracesOf(name, uid);

      expect(sandbox.kind).toBe("user");
      expect(traces().length).toBeGreaterThanOrEqual(3);
    }
    expect(traces()).toEqual([]);
  });

  test("the job works, checks and reports in it, with the real harness", { timeout: 90_000 }, async () => {
    await using programs = await refusing();
    await using stage = await setStage({
      reply: (response, { body }) =>
        sendStream(
          response,
          turnOf(body) === 0
            ? {
                tool: "Bash",
                input: { command: "echo new > a.txt; id -un > who.txt; echo x > .git/commondir", description: "work" },
              }
            : { text: "Made it new." },
        ),
      setup: ["touch ~/set-up"],
      verify: ["test -e ~/set-up", "grep -q new a.txt"],
    });
    await chmod(dirname(stage.temp), 0o711);

    const job = await stage.run({ PATH: `${programs.path}:${process.env["PATH"] ?? ""}` });

    expect(job.log).toContain("sandbox proven  kind=user");
    const [outcome] = stage.app.outcomes;
    expect(outcome).toMatchObject({
      kind: "ran", ending: { kind: "completed", turns: 2 }, sandbox: "user", verification: [{ exitCode: 0 }, { exitCode: 0 }],
      changes: [{ path: "a.txt", status: "modified" }, { path: "who.txt", status: "added" }],
    }); // prettier-ignore
    const who = outcome?.kind === "ran" ? outcome.changes[1] : undefined;
    expect(toText(who)).toMatch(/^ap-[0-9a-f]{8}\n$/);
    expect(await readdir(stage.temp)).toEqual(["_runner_file_commands"]);
  });

  test.each([
    [
      "without root or sudo",
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"],
      "there is neither root nor passwordless sudo",
    ],
    ["where its network can't be closed", ["--bounding-set=-net_admin"], "in a container give NET_ADMIN"],
    ["with all rights", ["--inh-caps=-all"], "user"],
  ])("a separate user takes the place of namespaces, or the reason says why not: %s", async (_name, rights, says) => {
    await using programs = await refusing();

    expect(asRoot("setpriv", ...rights, "--", process.execPath, PREPARE_ONLY, programs.path)).toContain(says);
  });

  test("nothing starts where such a user can't reach the runner's folders, and the reason says what to do", async () => {
    await using programs = await refusing();
    const closed = await mkdtemp(join(tmpdir(), "closed-home-"));
    await using job = await prepared({ path: `${programs.path}:${testSurroundings().path}`, temp: join(closed, "_temp") });
    await rm(closed, { recursive: true, force: true });

    expect(job.ready).toMatchObject({
      error: { reason: "sandboxUnavailable", detail: containing("install the runner outside a closed home folder") },
    });
  });

  test("nothing starts where bubblewrap is missing, and the reason says what to install", async () => {
    await using job = await prepared({ path: "/nonexistent" });

    expect(job.ready).toMatchObject({
      error: { reason: "sandboxUnavailable", detail: containing("apt-get install -y bubblewrap socat ripgrep") },
    });
  });
});
