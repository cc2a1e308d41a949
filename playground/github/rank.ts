import type { Role } from "./emulated-github.ts";

const RANK: Readonly<Record<Role, number>> = { none: 0, read: 1, triage: 2, write: 3, maintain: 4, admin: 5 };

/** Whether a role allows what another does. */
export function atLeast(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}
