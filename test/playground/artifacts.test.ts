import assert from "node:assert/strict";
import { join } from "node:path";
import { strFromU8, unzipSync } from "fflate";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startOidcIssuer } from "#playground/oidc.ts";
import { startRunner, type Runner } from "#playground/runner/runner.ts";
import { makeStage, type Stage } from "./github-kit.ts";

const UPLOAD = `actions/upload-artifact@${"d".repeat(40)}`;
const DAY_MS = 24 * 3_600_000;

let stage: Stage;
let runner: Runner;
let token: string;
const stack = new AsyncDisposableStack();
beforeAll(async () => {
  stage = stack.use(await makeStage());
  token = await stage.token();
  runner = stack.use(
    await startRunner({
      host: stage.github.host,
      oidc: stack.use(await startOidcIssuer()),
      actions: {},
      serverUrl: stage.github.url,
      apiUrl: stage.github.url,
      tempDir: join(stage.folder, "jobs"),
      toolCache: join(stage.folder, "tools"),
    }),
  );
});
afterAll(() => stack.disposeAsync());
afterEach(() => assert.deepEqual(stage.github.violations(), []));

type Listed = { readonly total_count: number; readonly artifacts: readonly Record<string, unknown>[] };

/** Runs a job of these steps, in YAML, to its end. */
async function run(steps: string) {
  const text = `on: workflow_dispatch\npermissions: {}\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n${steps.replace(/^/gm, "      ")}\n`;
  await stage.github.push("acme/web", "main", { ".github/workflows/one.yml": text }, "steps");
  const body = { ref: "main", return_run_details: true };
  const started = await stage.call("POST", "/repos/acme/web/actions/workflows/one.yml/dispatches", token, body);
  const id = Number(started.body["workflow_run_id"]);
  const ended = () => stage.github.runs("acme/web").find((it) => it.id === id)?.conclusion ?? null;
  await expect.poll(ended, { timeout: 20_000 }).not.toBeNull();
  return { id, conclusion: ended(), log: runner.logs(id), ...(await artifactsOf(id)) };
}

async function artifactsOf(id: number, query = "", as = token): Promise<Listed & { readonly status: number }> {
  const { status, body } = await stage.call("GET", `/repos/acme/web/actions/runs/${String(id)}/artifacts${query}`, as);
  return { ...(body as Listed), status };
}

/** Follows no redirection, and sends the token to GitHub alone. */
function download(artifact: Record<string, unknown> | undefined, as = token): Promise<Response> {
  const headers = { authorization: `Bearer ${as}` };
  return fetch(String(artifact?.["archive_download_url"]), { redirect: "manual", headers });
}

async function filesIn(artifact: Record<string, unknown> | undefined): Promise<Record<string, string>> {
  const answer = await download(artifact);
  expect(answer.status).toBe(302);
  const archive = await fetch(answer.headers.get("location") ?? "");
  const files = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  return Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, strFromU8(bytes)]));
}

const upload = (inputs: string): string => `- { if: always(), uses: ${UPLOAD}, with: { ${inputs} } }`;

describe("an artifact", () => {
  it("is uploaded by a step that always runs, listed, and downloaded", async () => {
    const made = "- run: mkdir -p out/deep; printf one > out/a.txt; printf é > out/deep/b.txt; printf no > out/.hidden";
    const ran = await run(`${made}\n- run: exit 3\n${upload("name: outcome, path: out, retention-days: 1")}`);

    expect([ran.conclusion, ran.total_count]).toEqual(["failure", 1]);
    const [artifact] = ran.artifacts;
    expect(artifact).toMatchObject({ name: "outcome", expired: false, workflow_run: { id: ran.id, head_branch: "main" } });
    const [created, expires] = [artifact?.["created_at"], artifact?.["expires_at"]].map((at) => Date.parse(String(at)));
    expect((expires ?? 0) - (created ?? 0)).toBe(DAY_MS);
    expect(await filesIn(artifact)).toEqual({ "a.txt": "one", "deep/b.txt": "é" });
    expect((await artifactsOf(ran.id, "?name=another")).total_count).toBe(0);
  });

  it.each([
    ["one file", "path: out/a.txt", { "a.txt": "a" }],
    ["files of several folders", 'path: "out/a.txt\\nlog/b.txt"', { "out/a.txt": "a", "log/b.txt": "b" }],
  ])("holds %s by the path below what is common to all", async (_name, inputs, files) => {
    const ran = await run(`- run: mkdir out log; printf a > out/a.txt; printf b > log/b.txt\n${upload(inputs)}`);

    expect(ran.artifacts[0]).toMatchObject({ name: "artifact" });
    expect(await filesIn(ran.artifacts[0])).toEqual(files);
  });

  it.each([
    ["", "success", "##[warning]"],
    ["if-no-files-found: error,", "failure", "##[error]"],
    ["if-no-files-found: ignore,", "success", ""],
  ])("is not made of nothing; with { %s } the job ends in %s", async (how, conclusion, mark) => {
    const ran = await run(upload(`${how} path: nowhere`));

    expect([ran.conclusion, ran.total_count]).toEqual([conclusion, 0]);
    expect(ran.log).toContain(`${mark}No files were found with the provided path: nowhere.`);
  });

  it.each([
    ["a name that the run has used", "name: same", "name: same", "already exists"],
    ["a name that is no file's", "name: fine", "name: 'a/b'", "not valid"],
  ])("is refused under %s", async (_name, first, second, words) => {
    const ran = await run(`- run: touch a\n${upload(`${first}, path: a`)}\n${upload(`${second}, path: a`)}`);

    expect([ran.conclusion, ran.total_count]).toEqual(["failure", 1]);
    expect(ran.log).toContain(words);
  });

  it("can be sent by a step that uses an action, and by no script", async () => {
    const ran = await run('- run: echo "[$ACTIONS_RUNTIME_TOKEN$ACTIONS_RESULTS_URL]"');

    expect(ran.log).toContain("[]");
  });

  it("is shown to no token without actions: read, and its address to everyone for a minute", async () => {
    const ran = await run(`- run: touch a\n${upload("path: a")}`);
    const narrow = await stage.token({ permissions: { issues: "read" } });

    expect([(await artifactsOf(ran.id, "", narrow)).status, (await download(ran.artifacts[0], narrow)).status]).toEqual([
      403, 403,
    ]);
    const address = (await download(ran.artifacts[0])).headers.get("location") ?? "";
    expect((await fetch(address)).status).toBe(200);
    stage.github.advanceClock(61_000);
    expect((await fetch(address)).status).toBe(403);
  });

  it("expires", async () => {
    const ran = await run(`- run: touch a\n${upload("path: a, retention-days: 1")}`);

    stage.github.advanceClock(DAY_MS);
    token = await stage.token();

    expect((await artifactsOf(ran.id)).artifacts).toMatchObject([{ expired: true }]);
    expect((await download(ran.artifacts[0])).status).toBe(410);
  });
});
