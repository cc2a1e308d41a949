import type { WhyNot } from "./decision.ts";

/** Why a credential can't serve a task now, as people read it: after its name, or after how many they are. */
export const WHY_NOT: Record<WhyNot["why"], string> = {
  "other-provider": "of another provider",
  "not-allowed": "not for this",
  "no-consent": "not lent by the seat's owner",
  "others-seat": "another person's seat",
  quarantined: "set aside, the key was refused",
  "runners-busy": "held back, enough runs wait for a runner",
  budget: "without room in a budget",
  cooling: "resting after a provider's limit",
  busy: "at work",
  window: "without room in a provider's window",
  "kept-free": "kept free for a request that has waited longer",
  "paid-by-use": "paid by use, so that nothing of it expires",
  "others-first": "wanted by other work",
  "nothing-expires": "forecast to lose nothing unused",
};
