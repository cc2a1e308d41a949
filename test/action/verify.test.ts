import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeBareRunner, type Sandbox } from "../../action/src/sandbox.ts";
import { runSetup, runVerification } from "../../action/src/verify.ts";
import { makeWorkspace, type Workspace } from "../../action/src/workspace.ts";
import { testSurroundings } from "./kit/tool-cache.ts";

let workspace: Workspace;
let runner: Sandbox;

beforeEach(async () => {
  workspace = await makeWorkspace(testSurroundings().temp);
  runner = makeBareRunner({ surroundings: testSurroundings(), workspace, toolFolders: [] });
});
afterEach(() => workspace[Symbol.asyncDispose]());

const limits = (signal = new AbortController().signal) => ({ until: performance.now() + 20_000, signal });
/** The end is kept, so it is the last character that shifts the cut. */
const print = (last: string): string => `printf '😀%.0s' $(seq 4000); printf '${last}'; exit 3`;

describe("the repository's commands", () => {
  test("are told of without a character cut in half", async () => {
    const setUp = [await runSetup(runner, [print("")], limits()), await runSetup(runner, [print("x")], limits())];
    const verified = [
      await runVerification(runner, [print("")], limits()),
      await runVerification(runner, [print("x")], limits()),
    ];

    const texts = [...setUp.map((it) => (it.ok ? "" : it.error.detail)), ...verified.map((it) => it.failure?.output ?? "")];
    expect(texts.map((it) => it.isWellFormed() && /😀x?$/u.test(it))).toEqual([true, true, true, true]);
  });

  test("are not started once the job is to stop", async () => {
    const command = "touch started";

    await runSetup(runner, [command], limits(AbortSignal.abort()));
    const before = await runVerification(runner, ["test -e started"], limits());
    await runSetup(runner, [command], limits());
    const after = await runVerification(runner, ["test -e started"], limits());

    expect([before.results[0]?.exitCode, after.results[0]?.exitCode]).toEqual([1, 0]);
  });
});
