import type { Inputs } from "../../../action/src/runner/inputs.ts";
import { prepare } from "../../../action/src/job/prepare.ts";
import { makeWorkspace } from "../../../action/src/runner/workspace.ts";
import { testSurroundings } from "./tool-cache.ts";

/** A program of its own, to be run with fewer rights than the tests have. Prints why there is no sandbox, or its kind. */
const surroundings = { ...testSurroundings(), path: `${process.argv[2] ?? ""}:${testSurroundings().path}` };
{
  await using workspace = await makeWorkspace(surroundings.temp);
  const ready = await prepare({ surroundings } as Inputs, workspace, () => {});
  await using prepared = ready.ok ? ready.value : undefined;
  process.stdout.write(ready.ok ? (prepared?.sandboxFor([]).kind ?? "") : ready.error.detail);
}
