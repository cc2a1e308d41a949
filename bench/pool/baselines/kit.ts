import type { Choice, Ending, PolicyMaker, Run, Sighting } from "../policy.ts";
import { randomOf, type Random } from "../random.ts";
import type { Job, SeatPlan, Workload } from "../workload.ts";

/**
 * What the systems compared have in common: one queue, first in first out, work that met a limit in front; a seat that met a
 * limit rests until its reset; one whose key was refused twice is left alone. They differ in the seat they choose.
 * The systems route requests; here, as in the product, a job stays on the seat where it began.
 */
export type SeatView = {
  readonly index: number;
  readonly plan: SeatPlan;
  /** Jobs that run on it. */
  live: number;
  lastGrantAt: number;
  /** The provider's last figures, by window. */
  readonly sightings: Map<string, Sighting>;
  readonly rests: Map<string | null, number>;
  refused: number;
};

export type Chooser = {
  /** One of the seats that may serve the job, of which there is at least one; undefined: none suits. */
  readonly choose: (job: Job, seats: readonly SeatView[], now: number) => SeatView | undefined;
  readonly ended?: (seat: SeatView, job: Job, ending: Ending, now: number) => void;
};

/**
 * Jobs at once on a seat, to the systems' favour: none bounds them by default, and unbounded all that waits falls on the first seat
 * whose reset comes, where nearly all of it is cut off, again and again.
 */
const AT_ONCE = 3;

export function baseline(
  name: string,
  makeChooser: (setting: { readonly workload: Workload; readonly random: Random }) => Chooser,
  maxLive = AT_ONCE,
): PolicyMaker {
  return {
    name,
    maxLive,
    make({ workload, seed }) {
      const { choose, ended } = makeChooser({ workload, random: randomOf(seed, name) });
      const seats = workload.seats.map(viewOf);
      const again: Job[] = [];
      const fresh: Job[] = [];
      const serve = (job: Job, now: number) => {
        const able = seats.filter((seat) => seat.live < maxLive && mayServe(seat, job, now));
        return able.length === 0 ? undefined : choose(job, able, now);
      };
      // Where nothing found a seat, nothing will before something changes.
      let asksAgainAt: number | null = 0;
      return {
        queued(job, movedFrom) {
          (movedFrom.length > 0 ? again : fresh).push(job);
          asksAgainAt = 0;
        },
        decide(now): Choice {
          if (asksAgainAt === null || now < asksAgainAt) return { kind: "wait", until: asksAgainAt };
          for (const queue of [again, fresh])
            for (const [place, job] of queue.entries()) {
              const seat = serve(job, now);
              if (seat === undefined) continue;
              queue.splice(place, 1);
              return { kind: "grant", job, seat: seat.index };
            }
          asksAgainAt = nextRested(seats, now);
          return { kind: "wait", until: asksAgainAt };
        },
        began(run) {
          const seat = seatOf(seats, run);
          seat.live++;
          seat.lastGrantAt = run.startedAt;
        },
        seen(run, _spent, sightings) {
          for (const each of sightings) seatOf(seats, run).sightings.set(each.model ?? each.name, each);
        },
        ended(run, ending, now) {
          const seat = seatOf(seats, run);
          seat.live--;
          asksAgainAt = 0;
          if (ending.how === "limit") seat.rests.set(ending.model, Math.max(ending.until, seat.rests.get(ending.model) ?? 0));
          if (ending.how === "refused") seat.refused++;
          ended?.(seat, run.job, ending, now);
        },
        live: () => seats.reduce((sum, { live }) => sum + live, 0),
      };
    },
  };
}

function viewOf(plan: SeatPlan, index: number): SeatView {
  return { index, plan, live: 0, lastGrantAt: -1, sightings: new Map(), rests: new Map(), refused: 0 };
}

function seatOf(seats: readonly SeatView[], run: Run): SeatView {
  const seat = seats[run.seat];
  if (seat === undefined) throw new Error(`there is no seat ${String(run.seat)}`);
  return seat;
}

function mayServe({ rests, refused }: SeatView, { model }: Job, now: number): boolean {
  return refused < 2 && now >= (rests.get(null) ?? 0) && now >= (rests.get(model) ?? 0);
}

function nextRested(seats: readonly SeatView[], now: number): number | null {
  let next: number | null = null;
  for (const { rests } of seats)
    for (const until of rests.values()) if (until > now && (next === null || until < next)) next = until;
  return next;
}

/** The provider's last word on a seat, in percent: the fullest window that counts for the job; 0 where nothing was seen. */
export function usedPercent({ sightings }: SeatView, { model }: Job, now: number): number {
  let most = 0;
  for (const { model: only, share, resetsAt } of sightings.values())
    if (now < resetsAt && (only === null || only === model)) most = Math.max(most, share * 100);
  return most;
}

/** The one with the least of something; chance among equals where `random` is given, else the first. */
export function least(seats: readonly SeatView[], of: (seat: SeatView) => number, random?: Random): SeatView | undefined {
  let best: { seat: SeatView; value: number; ties: number } | undefined;
  for (const seat of seats) {
    const value = of(seat);
    if (best === undefined || value < best.value) best = { seat, value, ties: 1 };
    else if (value === best.value && random !== undefined) {
      const ties = best.ties + 1;
      best = { seat: random.float() * ties < 1 ? seat : best.seat, value, ties };
    }
  }
  return best?.seat;
}
