import type { ActorId, DeliveryId } from "../wire/ids.ts";
import { EpochMs, MINUTE_MS } from "../wire/units.ts";
import { isSameLabel } from "./label.ts";

/** One try of GitHub's to deliver something; `id`: the try's own. */
export type Tried = {
  readonly id: number;
  readonly guid: DeliveryId;
  readonly at: EpochMs;
  readonly event: string;
  readonly succeeded: boolean;
};

/** What no try has delivered: when it was first told, when it last failed, and the try to repeat. */
export type Undelivered = {
  readonly guid: DeliveryId;
  readonly saidAt: EpochMs;
  readonly failedAt: EpochMs;
  readonly lastTry: number;
};

/** Each delivery once that no try has delivered, in the order in which they were told. `heard`: the events that matter. Pure. */
export function findUndelivered(tries: readonly Tried[], heard: readonly string[]): readonly Undelivered[] {
  const byGuid = Map.groupBy(
    tries.filter(({ event }) => heard.includes(event)),
    ({ guid }) => guid,
  );
  const found = [...byGuid].flatMap(([guid, all]): Undelivered[] => {
    const sorted = all.toSorted((one, other) => one.at - other.at || one.id - other.id);
    const [first] = sorted;
    const last = sorted.at(-1);
    if (first === undefined || last === undefined || all.some(({ succeeded }) => succeeded)) return [];
    return [{ guid, saidAt: first.at, failedAt: last.at, lastTry: last.id }];
  });
  return found.toSorted((one, other) => one.saidAt - other.saidAt || one.lastTry - other.lastTry);
}

/** An account of a person's; null: a bot, an App, or one that is gone. */
type Person = { readonly id: ActorId; readonly login: string } | null;

/** What an issue's own page tells of its label and its text. */
export type Labelling = {
  readonly labels: readonly string[];
  readonly labelled: readonly { readonly id: string; readonly at: EpochMs; readonly label: string; readonly by: Person }[];
  readonly edits: readonly { readonly at: EpochMs; readonly by: string | null }[];
};

/** `editedBy`: who else has changed the text since, and so what was asked for; null where that is an account that is gone. */
export type MissedRequest = {
  readonly id: string;
  readonly label: string;
  readonly at: EpochMs;
  /** No later than that by any clock. */
  readonly saidAt: EpochMs;
  readonly by: NonNullable<Person>;
  readonly edited: { readonly by: string | null } | null;
};

/** A task that was opened so little before its label was set, by another clock, was opened for it. */
const SKEW_MS = 2 * MINUTE_MS;

/**
 * The request that an issue's label is: the last time that a person set it, where that was within these times. undefined: there is
 * none, or nobody knows whose. Pure.
 */
export function readMissedRequest(
  { labels, labelled, edits }: Labelling,
  isTrigger: (label: string) => boolean,
  { from, until }: { readonly from: EpochMs; readonly until: EpochMs },
): MissedRequest | undefined {
  const isOn = (wanted: string) => labels.some((label) => isSameLabel(label, wanted));
  const last = labelled.filter(({ label }) => isTrigger(label) && isOn(label)).toSorted((one, other) => other.at - one.at)[0];
  if (last === undefined || last.by === null || last.at < from || last.at > until) return undefined;
  const { id, at, by, label } = last;
  const edit = edits.find((each) => each.at > at && each.by !== by.login);
  return { id, label, at, saidAt: EpochMs(at - SKEW_MS), by, edited: edit === undefined ? null : { by: edit.by } };
}
