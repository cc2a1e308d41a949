import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeBareRunner, type Sandbox } from "../../action/src/sandbox.ts";
import { runSetup, runVerification } from "../../action/src/verify.ts";
import { makeWorkspace, type Workspace } from "../../action/src/workspace.ts";
import { containing } from "./kit/matchers.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

let workspace: Workspace;
let place: { sandbox: Sandbox; workspace: Workspace };

beforeEach(async () => {
  workspace = await makeWorkspace(testSurroundings().temp);
  place = { workspace, sandbox: makeBareRunner({ surroundings: testSurroundings(), workspace, toolFolders: [] }) };
});
afterEach(() => workspace[Symbol.asyncDispose]());

const NOTHING_KNOWN = new Map();
const limits = (signal = new AbortController().signal) => ({ until: performance.now() + 20_000, signal });
/** The end is kept, so it is the last character that shifts the cut. */
const print = (last: string): string => `printf '😀%.0s' $(seq 4000); printf '${last}'; exit 3`;

describe("the repository's commands", () => {
  test("are told of without a character cut in half", async () => {
    const setUp = [await runSetup(place, [print("")], limits()), await runSetup(place, [print("x")], limits())];
    const verified = [
      await runVerification(place, [print("")], NOTHING_KNOWN, limits()),
      await runVerification(place, [print("x")], NOTHING_KNOWN, limits()),
    ];

    const texts = [...setUp.map((it) => (it.ok ? "" : it.error.detail)), ...verified.map((it) => it.failure?.output ?? "")];
    expect(texts.map((it) => it.isWellFormed() && /😀x?$/u.test(it))).toEqual([true, true, true, true]);
  });

  test("are told of with the paths that people know", async () => {
    const command = 'echo "at file://$PWD/test/a.js:3, $PWD/b.js, see $HOME/.npm/log"; exit 1';

    const setUp = await runSetup(place, [command], limits());
    const verified = await runVerification(place, [command], NOTHING_KNOWN, limits());

    const told = "at ./test/a.js:3, ./b.js, see ~/.npm/log";
    expect(verified.results[0]?.output).toBe(told);
    expect(setUp).toMatchObject({ ok: false, error: { detail: containing(told) } });
  });

  test("are not started once the job is to stop", async () => {
    const command = "touch started";

    await runSetup(place, [command], limits(AbortSignal.abort()));
    const before = await runVerification(place, ["test -e started"], NOTHING_KNOWN, limits());
    await runSetup(place, [command], limits());
    const after = await runVerification(place, ["test -e started"], NOTHING_KNOWN, limits());

    expect([before.results[0]?.exitCode, after.results[0]?.exitCode]).toEqual([1, 0]);
  });
});
