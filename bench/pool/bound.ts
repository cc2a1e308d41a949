import { makeAgenda } from "./agenda.ts";
import type { Outcome, Fate } from "./simulate.ts";
import { WEEK_MS, type Workload } from "./workload.ts";

/**
 * A relaxation, to know how hard a setting is: all seats' weeks are one store of work that knows every cost, begins a job when what is left will
 * pay for it, draws on the week that ends soonest, and has neither five-hour windows nor seats to be busy. Owners use what is
 * theirs. Reported beside the policies, not compared with them.
 */
export function bound(workload: Workload): Outcome {
  type Event =
    | { kind: "job"; id: number }
    | { kind: "owner"; seat: number; cost: number }
    | { kind: "reset"; seat: number; isEarly: boolean };
  const { seats, jobs, sessions, earlyResets, endsAt } = workload;
  const left = seats.map(({ week, usedBefore }) => week * (1 - usedBefore));
  const resetsAt = seats.map(({ firstWeeklyReset }) => firstWeeklyReset);
  const fates: Fate[] = jobs.map(() => ({ state: "to-come", begunAt: null, endedAt: null }));
  const agenda = makeAgenda<Event>();
  for (const { id, arrivesAt } of jobs) agenda.add(arrivesAt, { kind: "job", id });
  for (const [seat, at] of resetsAt.entries()) agenda.add(at, { kind: "reset", seat, isEarly: false });
  for (const { seat, at } of earlyResets) agenda.add(at, { kind: "reset", seat, isEarly: true });
  // An owner's long session is drawn by the hour.
  for (const { seat, at, ms, perMs } of sessions)
    for (let from = 0; from < ms; from += 3_600_000)
      agenda.add(at + from, { kind: "owner", seat, cost: perMs * Math.min(3_600_000, ms - from) });
  const waiting: number[] = [];
  const draw = (cost: number): boolean => {
    if (left.reduce((sum, each) => sum + each, 0) < cost) return false;
    let open = cost;
    for (const seat of [...left.keys()].toSorted((a, b) => (resetsAt[a] ?? 0) - (resetsAt[b] ?? 0))) {
      const part = Math.min(open, left[seat] ?? 0);
      left[seat] = (left[seat] ?? 0) - part;
      open -= part;
    }
    return true;
  };
  for (let step = agenda.next(); step !== undefined && step.at < endsAt; step = agenda.next()) {
    const { at, event } = step;
    if (event.kind === "owner") left[event.seat] = Math.max(0, (left[event.seat] ?? 0) - event.cost);
    else if (event.kind === "reset") {
      if (!event.isEarly && resetsAt[event.seat] !== at) continue;
      left[event.seat] = seats[event.seat]?.week ?? 0;
      resetsAt[event.seat] = at + WEEK_MS;
      agenda.add(at + WEEK_MS, { ...event, isEarly: false });
    } else {
      waiting.push(event.id);
      Object.assign(fates[event.id] ?? {}, { state: "waiting" });
    }
    for (let job = jobs[waiting[0] ?? -1]; job !== undefined && draw(job.cost); job = jobs[waiting[0] ?? -1]) {
      waiting.shift();
      Object.assign(fates[job.id] ?? {}, { state: "done", begunAt: at, endedAt: at + job.cost / job.perMs });
    }
  }
  return { workload, fates, aborts: 0, wasted: 0, overshoot: 0, doubleGrants: 0, leaked: 0 };
}
