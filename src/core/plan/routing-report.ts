import { alternativesTo, type Alternative } from "./alternatives.ts";
import { figure, groups, mean, type Figure } from "./figures.ts";
import { scoreboard, tally, type Attempted, type RouteTally, type Tally } from "./scoreboard.ts";

/** Predictions that lie in one fifth of the range, by their mean, and the share that came. */
export type Bin = { readonly of: number; readonly predicted: number; readonly verified: number };

export type Calibration = {
  /** Mean squared distance of the predicted chance from what came (1 or 0): 0 is perfect. */
  readonly brier: Figure;
  /** The same for someone who says the mean of what came every time: to be below it is to know something. */
  readonly uninformed: Figure;
  readonly bins: readonly Bin[];
};

export type RoutingReport = {
  readonly tasks: number;
  readonly total: Tally;
  readonly routes: readonly RouteTally[];
  readonly calibration: Calibration;
  readonly alternatives: readonly Alternative[];
};

/** `attempts`: of one owner, each task's in their order. Pure. */
export function routingReport(attempts: readonly Attempted[]): RoutingReport {
  return {
    tasks: new Set(attempts.map(({ task }) => task)).size,
    total: tally(attempts),
    routes: scoreboard(attempts),
    calibration: calibrate(attempts),
    alternatives: alternativesTo(attempts.filter(({ tried }) => tried)),
  };
}

function calibrate(attempts: readonly Attempted[]): Calibration {
  const said = attempts.flatMap(({ tried, verified, chance }) =>
    tried && chance !== null ? [{ verified: Number(verified), chance }] : [],
  );
  const share = mean(said, ({ verified }) => verified);
  return {
    brier: figure(said.length, () => mean(said, ({ verified, chance }) => (chance - verified) ** 2)),
    uninformed: figure(said.length, () => share * (1 - share)),
    bins: groups(said, ({ chance }) => String(Math.min(4, Math.floor(chance * 5)))).map((bin) => ({
      of: bin.length,
      predicted: mean(bin, ({ chance }) => chance),
      verified: mean(bin, ({ verified }) => verified),
    })),
  };
}
