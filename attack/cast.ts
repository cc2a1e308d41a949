import { parseRecord, record, textOf } from "#core/wire/json.ts";
import type { Script } from "#playground/model/script.ts";
import type { World } from "#playground/world.ts";
import type { Attack } from "./corpus.ts";
import type { Recorder } from "./recorder.ts";
import type { Outside, Sinks } from "./sinks.ts";

/** A world, and who listens in it. */
export type Cast = {
  readonly world: World;
  readonly toApp: Recorder;
  readonly toModel: Recorder;
  readonly sinks: Sinks;
  readonly scripts: Map<string, Script>;
};

/** An attack in this world: its own word, its own folder outside, its words filled in. */
export type Role = { readonly attack: Attack; readonly canary: string; readonly outside: Outside };

export type Claimed = { readonly runToken: string; readonly fetchToken: string };

/** What the app handed to the jobs of a repository, by attempt. */
export function attemptsOf({ toApp }: Cast, repository: string): ReadonlyMap<string, Claimed> {
  const claims = toApp.exchanges().flatMap(({ path, answer }): [string, Claimed][] => {
    const attempt = /^\/runs\/([\w-]+)\/claim$/.exec(path)?.[1];
    const claim = attempt === undefined ? undefined : parseRecord(answer);
    if (attempt === undefined || claim === undefined || record(claim["brief"])?.["repository"] !== repository) return [];
    const fetchToken = textOf(record(claim["checkout"])?.["token"]);
    return [[attempt, { runToken: textOf(claim["runToken"]), fetchToken }]];
  });
  return new Map(claims);
}
