import { baseline } from "./kit.ts";

/** Nothing is pooled: everyone's work runs on their own seat. */
export const personal = baseline("personal", () => ({
  choose: ({ person }, seats) => seats.find(({ index }) => index === person),
}));
