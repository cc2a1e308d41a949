import { randomBytes } from "node:crypto";
import { DOCTOR_HELP, plain, readDoctorOptions, runDoctor, type DoctorOptions } from "#cli/doctor.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { askServer, openOperatorTools, type CommandFailure, type OperatorTools } from "./operator-tools.ts";

/** `agent-pool doctor …`: true where it ends well. */
export async function doctor(args: readonly string[]): Promise<Result<boolean, CommandFailure>> {
  const options = readDoctorOptions(args);
  if (!options.ok) return err({ message: options.error, code: 2 });
  if (options.value === "help") {
    process.stdout.write(DOCTOR_HELP);
    return ok(true);
  }
  const tools = await openOperatorTools();
  if (!tools.ok) return err({ message: `${tools.error.variable} ${tools.error.problem}`, code: 2 });
  return ok(await lookAt(options.value, tools.value));
}

/** As `PROBE_ID` has it. */
function newProbeId(): string {
  return `probe-${randomBytes(16).toString("hex")}`;
}

/** Looks, and prints what was found. What it is looking at goes to standard error, where somebody watches. */
export async function lookAt(options: DoctorOptions, { operator, app, appUrl, pages, release }: OperatorTools): Promise<boolean> {
  const tell = (what: string): void => void (process.stderr.isTTY && process.stderr.write(`looking at ${plain(what)} …\n`));
  return runDoctor(
    { ...options, publicUrl: appUrl, pages, release, probeId: options.probe ? newProbeId() : undefined },
    { operator, app, askServer, tell },
    (text) => process.stdout.write(text),
  );
}
