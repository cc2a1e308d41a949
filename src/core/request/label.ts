import { AGENT_LABEL } from "../config/agents.ts";
import type { Brief } from "./brief.ts";
import { TRIGGER_LABEL } from "./command.ts";

/** Something else is asked for by it (standby), never a specialist. */
const NO_AGENT = `${AGENT_LABEL}whenever`;

/** GitHub's labels differ in case on the page and nowhere else. */
export function isSameLabel(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Whether a label may be a specialist's: the policy, which is read later, says whose. */
export function mayNameAgent(label: string): boolean {
  return label.toLowerCase().startsWith(AGENT_LABEL) && !isSameLabel(label, NO_AGENT);
}

/** Whether this label asks for work. */
export function asksForWork(label: string): boolean {
  return isSameLabel(label, TRIGGER_LABEL) || mayNameAgent(label);
}

/** Whether taking this label off takes back what was asked for: by it, or, of a plan, by its specialist's. */
export function isAskedBy(label: string, { label: asked }: Pick<Brief, "label">, ofAgent: string | undefined): boolean {
  return [asked ?? TRIGGER_LABEL, ...(ofAgent === undefined ? [] : [ofAgent])].some((each) => isSameLabel(each, label));
}
