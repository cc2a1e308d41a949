import { parseArgs } from "node:util";
import { RepositoryName, Login } from "#core/config/shapes.ts";
import { ownerOf } from "#core/setup/names.ts";
import { examine, type Finding } from "#core/setup/doctor.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import { NOTICE } from "#core/pool/consent.ts";
import { policyOf } from "#core/setup/policy-of.ts";
import { wrongOptions } from "./text.ts";
import { readFacts, type Asked, type Witnesses } from "#app/doctor.ts";

export const DOCTOR_HELP = `agent-pool doctor OWNER [options]    proves a set-up: looks at everything that work and keys depend on, and changes nothing

  --repository OWNER/NAME             looks at this repository instead of those of the App that have its label or settings; repeat it for more
  --probe                             has a job run that does no work and spends nothing but a runner's minute: whether the app knows it, and its
                                      sandbox and gateway hold, on the real runner
  --json                              {checks: [{name, ok, why, fix}]}; \`ok\` is null where a thing could not be seen

It looks with your own login of gh (or GH_TOKEN), and with the App's key where it runs in the folder with the app's .env. It ends with 0 where no
check has failed and something was seen, the probe too where it was asked for. What could not be seen is listed as unseen, never as well.
`;

export type DoctorOptions = {
  readonly owner: string;
  readonly repositories: readonly string[];
  readonly probe: boolean;
  readonly json: boolean;
  /** What is well, or could not be seen, is counted and not told. */
  readonly brief?: true;
};

/** The words after `doctor` → what is asked for, or one line that says what is wrong. Pure. */
export function readDoctorOptions(args: readonly string[]): Result<DoctorOptions | "help", string> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        repository: { type: "string", multiple: true, default: [] },
        probe: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: true,
    });
    if (values.help) return ok("help");
    const [owner, ...more] = positionals;
    if (owner === undefined || more.length > 0 || !Login.safeParse(owner).success)
      return err("`doctor` takes one word, the owner whose set-up it looks at; see agent-pool doctor --help");
    const foreign = values.repository.find(
      (name) => !RepositoryName.safeParse(name).success || ownerOf(name) !== owner.toLowerCase(),
    );
    if (foreign !== undefined) return err(`--repository ${foreign} should be a repository of ${owner}'s, like ${owner}/web`);
    return ok({ owner, repositories: values.repository, probe: values.probe, json: values.json });
  } catch (error) {
    return err(wrongOptions(error, "agent-pool doctor"));
  }
}

/** Looks, and says what was found. False where a check has failed, nothing at all could be seen, or the probe that was asked for couldn't. */
export async function runDoctor(
  asked: Asked & Pick<DoctorOptions, "json" | "brief">,
  witnesses: Witnesses,
  say: (text: string) => void,
): Promise<boolean> {
  const facts = await readFacts(asked, witnesses);
  const findings = examine(facts);
  const seats = policyOf(facts)?.pool.some(({ kind }) => kind === "seat") === true;
  if (asked.json) say(`${JSON.stringify({ checks: findings.map(toJson) }, null, 2)}\n`);
  else say(render(asked.brief === true ? findings.filter(({ ok: well }) => well === false) : findings, seats, findings));
  const isBlind = (finding: Finding): boolean => finding.ok === null;
  const missed =
    findings.every(isBlind) || (asked.probeId !== undefined && findings.some((each) => each.name === "probe" && isBlind(each)));
  return !missed && findings.every(({ ok: well }) => well !== false);
}

function toJson(finding: Finding): { name: string; ok: boolean | null; why: string; fix: string | null } {
  return { name: finding.name, ok: finding.ok, why: finding.why, fix: finding.ok === true ? null : finding.fix };
}

const MARKS = { true: "ok    ", false: "FAILED", null: "unseen" } as const;

const LONGEST_WHY = 600;
const LONGEST_FIX = 4_000;

/** One line for a terminal: names from GitHub, and what a server answered, may hold characters that move its cursor or turn its text around. Pure. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}

function cut(text: string): string {
  return text.length > LONGEST_WHY ? `${text.slice(0, LONGEST_WHY)} …` : text;
}

/** Pure. */
export function render(told: readonly Finding[], seats: boolean, findings = told): string {
  const lines = told.flatMap((finding) => [
    `${MARKS[String(finding.ok) as keyof typeof MARKS]}  ${finding.name}: ${cut(plain(finding.why))}`,
    // Half of a command is another command.
    ...(finding.ok === true
      ? []
      : [`          ${finding.fix.length > LONGEST_FIX ? "too long to be shown here; --json has it" : plain(finding.fix)}`]),
  ]);
  const count = (kind: boolean | null) => String(findings.filter(({ ok: well }) => well === kind).length);
  const notice = seats ? ["", "Of the seats in the pool:", NOTICE] : [];
  return [...lines, ...notice, "", `${count(true)} well, ${count(false)} failed, ${count(null)} unseen.`, ""].join("\n");
}
