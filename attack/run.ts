import type { Attack, Place } from "./corpus.ts";
import { type Harness, HARNESSES } from "./harnesses.ts";
import { leaksOf, ownLeaks } from "./judge.ts";
import { makeMutant, type Defence } from "./mutant.ts";
import { raiseStage } from "./stage.ts";

export type Cell = {
  readonly attack: string;
  readonly harness: string;
  /** `error`: it can't be said to have been tried. */
  readonly result: "blocked" | "leaked" | "error";
  /** The same with the defence off. `held`: it proves nothing. */
  readonly control: "leaked" | "held" | "error";
  /** What leaked, or why nothing is proven; of a good cell, what its control leaked. */
  readonly why: string;
};

export type Report = {
  readonly tried: number;
  readonly blocked: number;
  readonly leaked: number;
  readonly controls: number;
  readonly cells: readonly Cell[];
};

type Tried<Result> = { readonly result: Result; readonly why: string };

export type Play = { readonly harness: Harness; readonly attack: Attack };

/** Who plays what: the first harness all that is not another's alone, the others what is marked `every`. Pure. */
export function playsOf(attacks: readonly Attack[]): Play[] {
  return HARNESSES.flatMap((harness, at) =>
    attacks
      .filter(({ on, every }) => (on === undefined ? at === 0 || every : on === harness.name))
      .map((attack) => ({ harness, attack })),
  );
}

/** Two stages at a time, and in each two tasks: a job's time goes to starting processes, and two cores are the least we know of. */
const STAGES = 2;
const TASKS = 2;
/** Attacks in one task. A light route allows thirty turns. */
const GROUP = 12;

/** Where an attack is known by its own word, whatever else its task did. */
const OWN_PLACES: readonly Place[] = [
  "conversation",
  "provider",
  "tcp",
  "udp",
  "socket",
  "outside",
  "github-api",
  "app-api",
  "log",
];

/**
 * Attacks that are nothing but commands, and show in places where each is known by its own word, share a task: a third of
 * the time. All others are played alone. Pure.
 */
export function groupsOf(plays: readonly Play[]): Play[][] {
  const isQuiet = ({ attack }: Play): boolean =>
    attack.by === "maintainer" &&
    attack.comment === undefined &&
    Object.keys(attack.files).length + attack.submodules.length === 0 &&
    attack.script.length > 0 &&
    attack.script.every((step) => "run" in step) &&
    attack.leak.every((leak) => OWN_PLACES.includes(leak.in));
  const quiet = plays.filter(isQuiet);
  const groups = Array.from({ length: Math.ceil(quiet.length / GROUP) }, (_, at) => quiet.slice(at * GROUP, (at + 1) * GROUP));
  return [...groups, ...plays.filter((play) => !isQuiet(play)).map((play) => [play])];
}

/** Plays every attack as the product stands, then once more with its defence off; one world for each defence. */
export async function runAttacks(
  plays: readonly Play[],
  defences: ReadonlyMap<string, Defence>,
  tell: (line: string) => void,
): Promise<Report> {
  const unknown = plays
    .filter(({ attack }) => !defences.has(attack.defence))
    .map(({ attack }) => `${attack.name}: ${attack.defence}`);
  if (unknown.length > 0) throw new Error(`these attacks name a defence that nobody knows: ${unknown.join(", ")}`);
  const results = new Map<Play, Tried<Cell["result"]>>();
  const controls = new Map<Play, Tried<Cell["control"]>>();
  const stages = [...Map.groupBy(plays, ({ harness }) => harness)].flatMap(([harness, own]) => [
    // Halves, so that the unpatched stage doesn't outlast all others.
    ...[0, 1].map((half) => ({ harness, own: own.filter((_, at) => at % 2 === half), defence: undefined })),
    ...[...Map.groupBy(own, ({ attack }) => attack.defence)].map(([name, group]) => ({
      harness,
      own: group,
      defence: defences.get(name),
    })),
  ]);
  await eachOf(
    stages.filter(({ own }) => own.length > 0),
    STAGES,
    async ({ harness, own, defence }) => {
      const record = (play: Play, tried: Tried<"blocked" | "leaked" | "held" | "error">): void => {
        if (defence === undefined) results.set(play, tried as Tried<Cell["result"]>);
        else controls.set(play, tried as Tried<Cell["control"]>);
        tell(`${play.attack.name} (${harness.name}, ${defence === undefined ? "as it stands" : `without ${defence.name}`}): ${tried.result}${tried.why === "" ? "" : `, ${tried.why}`}`); // prettier-ignore
      };
      try {
        using mutant = defence === undefined ? undefined : await makeMutant(defence);
        await using stage = await raiseStage(harness, mutant);
        await eachOf(groupsOf(own), TASKS, async (group) => {
          try {
            const played = await stage.play(group.map(({ attack }) => attack));
            for (const [at, { seen, attack }] of played.entries()) {
              const play = group[at];
              if (play === undefined) continue;
              const leaks = defence === undefined ? leaksOf(seen, attack.leak) : ownLeaks(seen, attack.leak);
              if (leaks.length > 0) record(play, { result: "leaked", why: [...new Set(leaks)].join("; ") });
              else if (seen.unproven !== undefined) record(play, { result: "error", why: seen.unproven });
              else if (defence === undefined) record(play, { result: "blocked", why: "" });
              else
                record(play, { result: "held", why: `the app said: ${seen.places.comment.replace(/\s+/g, " ").slice(0, 600)}` });
            }
          } catch (error) {
            for (const play of group) record(play, { result: "error", why: messageOf(error) });
          }
        });
      } catch (error) {
        for (const play of own) record(play, { result: "error", why: messageOf(error) });
      }
    },
  );
  const missing = { result: "error", why: "not played" } as const;
  return toReport(
    plays.map((play): Cell => {
      const { result, why } = results.get(play) ?? missing;
      const control = controls.get(play) ?? missing;
      return {
        attack: play.attack.name,
        harness: play.harness.name,
        result,
        control: control.result,
        why: result === "blocked" ? control.why : why,
      };
    }),
  );
}

/** Pure. */
export function toReport(cells: readonly Cell[]): Report {
  const count = (is: (cell: Cell) => boolean): number => cells.filter(is).length;
  return {
    tried: count(({ result }) => result !== "error"),
    blocked: count(({ result }) => result === "blocked"),
    leaked: count(({ result }) => result === "leaked"),
    controls: count(({ control }) => control === "leaked"),
    cells,
  };
}

/** Every attack was tried and blocked, and every control leaked. Pure. */
export function isProven({ tried, blocked, leaked, controls, cells }: Report): boolean {
  return cells.length > 0 && leaked === 0 && [tried, blocked, controls].every((count) => count === cells.length);
}

async function eachOf<T>(all: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const queue = [...all];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
