import { beforeAll, describe, expect, test } from "vitest";
import { CHECKOUT_TOKEN, RUN_TOKEN } from "#playground/stage/app.ts";
import { type Reply, sendStream, turnOf } from "./kit/model.ts";
import { KEY, setStage, type Stage } from "./kit/stage.ts";
import { installed, requireSandbox } from "./kit/tool-cache.ts";

/** What the stage's GitHub gives. */
const OIDC_TOKEN = "header.payload.signature";

/** Each would do something if it stood at the beginning of a line of the job's log, or in one of the runner's files. */
const COMMANDS = [
  "::set-output name=outcome::/etc/passwd",
  "::set-env name=EVIL::1",
  "::add-path::/evil",
  "::save-state name=kept::/evil",
  "::stop-commands::EVIL",
  "::add-mask::EVIL",
  "::error::EVIL",
  "##[add-matcher]EVIL",
];
const SAID = `EVIL\r\n${COMMANDS.join("\n")}\r${COMMANDS.join("\r")}`;

const PRINT = COMMANDS.map((line) => `echo '${line}'; echo '${line}' >&2`).join("; ");

/** Prints them on both streams, and writes to the runner's files by every name it could know of them. */
function strike(files: Stage["files"]): string {
  const names = Object.keys(files).map((name) => `"$${name}"`);
  const paths = Object.values(files).map((path) => `'${path}'`);
  const write = `for f in ${[...names, ...paths].join(" ")} $(find / -path '*_runner_file_commands/*' 2> /dev/null); do [ -n "$f" ] && printf 'EVIL=1\\n' >> "$f"; done`;
  return `${PRINT}; (${write}) 2> /dev/null; touch '::error::EVIL'; echo new > a.txt`;
}

describe("what others write", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    requireSandbox();
    await installed("claude-code");
    await installed("srt");
  }, 300_000);

  async function run(env: Record<string, string>): Promise<{ log: string; struck: string; written: Stage["files"] }> {
    const reply: Reply = (response, { body }) => {
      const work = { tool: "Bash", input: { command: strike(stage.files), description: SAID } };
      sendStream(response, turnOf(body) === 0 ? work : { text: SAID });
    };
    await using stage = await setStage({ reply, setup: [PRINT], verify: [`${PRINT}; exit 3`] });
    const job = await stage.run(env);
    const [outcome] = stage.app.outcomes;
    expect(outcome, JSON.stringify(outcome)).toMatchObject({
      kind: "ran",
      ending: { kind: "completed" },
      verification: [{ exitCode: 3 }],
    });
    const { GITHUB_OUTPUT, GITHUB_STATE, ...others } = job.files;
    // The two that the Action itself writes hold its own paths.
    const own = (text: string): string => text.replaceAll(/^(outcome|kept)<<(.+)\n\/.*\n\2\n/gm, "");
    const written = { ...others, GITHUB_OUTPUT: own(GITHUB_OUTPUT), GITHUB_STATE: own(GITHUB_STATE) };
    return { log: `${job.log}\n${job.post}`, struck: JSON.stringify(outcome), written };
  }

  test("becomes no command, output, variable, path or state of the runner, nor part of the job's page", async () => {
    const { log, struck, written } = await run({});

    // It was said all the same, to the app.
    expect(struck).toContain("::stop-commands::EVIL");
    const { GITHUB_STEP_SUMMARY: page, ...others } = written;
    expect(others).toEqual({ GITHUB_OUTPUT: "", GITHUB_STATE: "", GITHUB_ENV: "", GITHUB_PATH: "" });
    expect(page).toContain("### agent-pool: `completed`");
    expect(`${log}${page}`).not.toContain("EVIL");
    const commands = log.split(/[\r\n]+/).filter((line) => /^\s*(::(?!debug::ID token url is )|##\[)/.test(line));
    expect(commands).toEqual([KEY, OIDC_TOKEN, RUN_TOKEN, CHECKOUT_TOKEN].map((secret) => `::add-mask::${secret}`));
    expect(log.trimStart().startsWith(`::add-mask::${KEY}`)).toBe(true);
  });

  test("reaches the runner's files where there is no sandbox: these attempts are real", async () => {
    const { written } = await run({ AGENT_POOL_UNSANDBOXED: "playground" });

    for (const [name, text] of Object.entries(written)) expect(text, name).toContain("EVIL=1");
  });
});
