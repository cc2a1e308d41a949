import { baseline } from "./kit.ts";

/** As many as one person looks after at once (assumed). */
const AT_ONCE = 3;

/** Nothing is pooled: everyone's work runs on their own seat, three jobs at once. */
export const personal = baseline("personal", () => ({
  choose: ({ person }, seats) => seats.find(({ index, live }) => index === person && live < AT_ONCE),
}));
