import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startModel, type Model } from "#playground/model/model.ts";
import type { Script } from "#playground/model/script.ts";
import { usageOfTurn } from "#playground/model/usage.ts";
import { readCodex } from "../../action/src/harness/codex.ts";
import { readOpencode } from "../../action/src/harness/opencode.ts";
import type { Reading } from "../../action/src/harness/reading.ts";
import { installed } from "../action/kit/tool-cache.ts";

const SCRIPT: Script = [
  { say: "Writing it." },
  { write: { path: "src/é it's.txt", content: "one\n\n  two\n" } },
  { write: { path: "half.txt", content: "no end\r\nof line" } },
  { run: "cat 'src/é it'\\''s.txt' half.txt > both.txt" },
  { say: "All good." },
];
const TURNS = [0, 1, 2, 3];
/** What the CLI should have counted: the sum of what was served. */
const SERVED = TURNS.map(usageOfTurn).reduce((sum, one) => ({
  inputTokens: sum.inputTokens + one.inputTokens,
  outputTokens: sum.outputTokens + one.outputTokens,
  cacheReadTokens: sum.cacheReadTokens + one.cacheReadTokens,
  cacheWriteTokens: sum.cacheWriteTokens + one.cacheWriteTokens,
  cacheWrite1hTokens: 0,
  reasoningTokens: sum.reasoningTokens + one.reasoningTokens,
}));

let home: string;
let model: Model;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "agent-pool-cli-"));
  await mkdir(join(home, "repo/src"), { recursive: true });
  await writeFile(join(home, "repo/src/é it's.txt"), "an older text\nof two lines\n");
  model = await startModel({ script: SCRIPT, key: "good" });
});
afterEach(async () => {
  await model[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

type Command = { readonly file: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** A real CLI in a folder of its own, with nothing of this machine's but the PATH. */
async function play({ file, args, env }: Command) {
  const child = spawn(file, args, {
    cwd: join(home, "repo"),
    env: { PATH: process.env["PATH"], HOME: home, KEY: "good", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 50_000,
  });
  child.stdin.end("Do what the issue says.");
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [stdout, stderr, exitCode] = await Promise.all([buffer(child.stdout), text(child.stderr), exit]);
  return { stdout, stderr, exitCode, killed: false };
}

async function playCodex(name: string): Promise<Reading> {
  const { executable: file } = await installed("codex");
  const provider = `{name="pool",base_url="${model.url}/v1",env_key="KEY",wire_api="responses",request_max_retries=0,stream_max_retries=0}`;
  const config = ['model_provider="pool"', `model_providers.pool=${provider}`, 'web_search="disabled"'];
  const settings = config.flatMap((line) => ["-c", line]);
  const args = ["exec", "--json", "--ignore-user-config", "--skip-git-repo-check", "-m", name, "-s", "danger-full-access", ...settings, "-"]; // prettier-ignore
  await mkdir(join(home, "codex"));
  const left = await play({ file, args, env: { CODEX_HOME: join(home, "codex") } });
  const [session = ""] = globSync(join(home, "codex/sessions/**/rollout-*.jsonl"));
  return readCodex({ ...left, rollout: await readFile(session, "utf8") });
}

async function playOpencode(name: string): Promise<Reading> {
  const { executable: file } = await installed("opencode");
  const options = { baseURL: `${model.url}/v1`, apiKey: "{env:KEY}" };
  const pool = { npm: "@ai-sdk/openai-compatible", options, models: { m1: { limit: { context: 128_000, output: 8_192 } } } };
  const config = {
    provider: { pool, anthropic: { options }, openai: { options } },
    small_model: name,
    permission: { edit: "allow", bash: "allow" },
  };
  const env = {
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_CONFIG_CONTENT: JSON.stringify(config),
  };
  return readOpencode(await play({ file, args: ["run", "--format", "json", "-m", name], env }));
}

describe("the scripted model, played by a real CLI,", () => {
  it.each<[string, string, string, (name: string) => Promise<Reading>]>([
    ["Codex, with functions and patches", "gpt-5.5", "/v1/responses", playCodex],
    ["Codex, with JavaScript around its tools", "gpt-6-sol", "/v1/responses", playCodex],
    ["opencode", "pool/m1", "/v1/chat/completions", playOpencode],
    ["opencode", "anthropic/claude-sonnet-4-5", "/v1/messages", playOpencode],
    ["opencode", "openai/gpt-5.5", "/v1/responses", playOpencode],
  ])("changes files, runs commands and counts what was served: %s, %s over %s", async (_harness, name, path, playIt) => {
    const reading = await playIt(name);

    expect(reading).toMatchObject({ ending: "completed", finalMessage: "All good." });
    expect(await readFile(join(home, "repo/both.txt"), "utf8")).toBe("one\n\n  two\nno end\r\nof line");
    const turns = model.requests().filter((request) => request.turn !== undefined);
    expect(turns.map((request) => [request.path.split("?")[0], request.turn, request.usage])).toEqual(
      TURNS.map((turn) => [path, turn, usageOfTurn(turn)]),
    );
    // What opencode uses for any server with Chat takes what was written to the cache for mere input.
    const blind = path === "/v1/chat/completions" ? SERVED.cacheWriteTokens : 0;
    const { cacheWrite1hTokens: _, inputTokens, cacheWriteTokens, ...others } = SERVED;
    expect(reading.usage).toEqual({
      inputTokens: inputTokens + blind,
      cacheWriteTokens: cacheWriteTokens - blind,
      ...others,
    });
  });

  it("tells Codex the windows of a seat, and when the one that is used up begins anew", async () => {
    const resetsAt = Math.ceil(Date.now() / 1_000) + 7_200;
    const fiveHour = { share: 0.5, resetsAt: resetsAt * 1_000 };
    model.setLimits("good", { seat: { fiveHour, week: { share: 0.41 } }, goodCalls: 2 });

    const reading = await playCodex("gpt-5.5");

    expect(model.requests().map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(reading).toMatchObject({ ending: "quotaExhausted", resetsAt });
    expect(reading.windows).toMatchObject([
      { name: "five_hour", utilization: 1, resetsAt },
      { name: "seven_day", utilization: 0.41 },
    ]);
  });
});
