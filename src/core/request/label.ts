import { AGENT_LABEL, STANDBY_LABEL } from "../config/agents.ts";
import type { Brief } from "./brief.ts";
import { TRIGGER_LABEL } from "./command.ts";

/** GitHub's labels differ in case on the page and nowhere else. */
export function isSameLabel(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Whether a label may be a specialist's: the policy, which is read later, says whose. */
export function mayNameAgent(label: string): boolean {
  return label.toLowerCase().startsWith(AGENT_LABEL) && !isSameLabel(label, STANDBY_LABEL);
}

/** Whether this label asks for work. */
export function asksForWork(label: string): boolean {
  return isSameLabel(label, TRIGGER_LABEL) || isSameLabel(label, STANDBY_LABEL) || mayNameAgent(label);
}

/**
 * What a request keeps of the labels that it was made by, on an issue that has `others`: whose specialist's, and whether it is on
 * standby. Set together with another one, by which GitHub tells of each in turn, that of standby counts whichever comes first.
 */
export function askedBy(labels: readonly string[], others: readonly string[] = []): Pick<Brief, "label" | "standby"> {
  const label = labels.find(mayNameAgent);
  const standby = [...labels, ...others].some((each) => isSameLabel(each, STANDBY_LABEL));
  return { ...(label === undefined ? {} : { label }), ...(standby ? { standby: true } : {}) };
}

/** The label by which it was asked for, where it was by one. */
export function labelOfRequest({ label, standby }: Pick<Brief, "label" | "standby">): string {
  return label ?? (standby === true ? STANDBY_LABEL : TRIGGER_LABEL);
}

/** Whether taking this label off takes back what was asked for: by it, or, of a plan, by its specialist's. */
export function isAskedBy(label: string, asked: Pick<Brief, "label" | "standby">, ofAgent: string | undefined): boolean {
  const standby = asked.standby === true ? [STANDBY_LABEL] : [];
  return [labelOfRequest(asked), ...standby, ...(ofAgent === undefined ? [] : [ofAgent])].some((each) =>
    isSameLabel(each, label),
  );
}
