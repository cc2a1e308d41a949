import { DAY_MS, type EpochMs } from "../wire/units.ts";

/**
 * Who is next when several teams wait: stride scheduling. Each grant moves a team's `pass` on by what the work is expected to
 * cost over its weight, each settlement corrects it, and the team that is furthest behind is served first. Charging at the
 * grant and not at the settlement keeps a burst from being let in before its first job has cost anything.
 * Source: Kueue's entry penalty (kubernetes-sigs/kueue#5339) is the same mend for the same fault.
 */
export type TeamState = {
  readonly name: string;
  /** Its share beside the others'. 0: served only when nobody else waits. */
  readonly weight: number;
  /** Micro-dollars over weight. */
  readonly pass: number;
  /** When `pass` was last written. */
  readonly at: EpochMs;
  /** Where the clock stood at its last grant; 0: never. */
  readonly clock: number;
};

/**
 * Where the team that was served last stood when it was. It never goes back, and a team that comes, however long it was away,
 * begins here: neither it nor those who were served meanwhile make up for what it didn't ask for.
 */
export function clockOf(teams: readonly Pick<TeamState, "clock">[]): number {
  return teams.reduce((latest, { clock }) => Math.max(latest, clock), 0);
}

/** After this long, half of what a team was ahead or behind is forgotten. */
export const HALF_LIFE_MS = DAY_MS;

/** A team's pass now: what it is ahead of `clock` fades. Behind it, it joins at the clock. */
export function passAt({ pass, at }: Pick<TeamState, "pass" | "at">, clock: number, now: EpochMs): number {
  return clock + Math.max(0, pass - clock) * 2 ** (-Math.max(0, now - at) / HALF_LIFE_MS);
}

/** What a grant, or a settlement's difference from it, moves the pass by. */
export function charge(cost: number, weight: number): number {
  return weight > 0 ? cost / weight : 0;
}

/** A team after a grant to it of what is expected to cost this. */
export function afterGrant(team: TeamState, teams: readonly TeamState[], cost: number, now: EpochMs): TeamState {
  const clock = clockOf(teams);
  const pass = passAt(team, clock, now);
  return { ...team, pass: pass + charge(cost, team.weight), at: now, clock: team.weight > 0 ? pass : team.clock };
}
