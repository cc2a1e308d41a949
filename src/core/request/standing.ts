import type { Tier } from "../wire/contract.ts";
import type { Failure } from "../wire/failure.ts";
import type { Requester } from "./brief.ts";
import { mayWrite, roleOf, type Role } from "./role.ts";
import { EVERYONE } from "../config/terms.ts";
import { type Policy } from "../config/policy.ts";

/** What a person may do in one repository under the owner's policy. */
export type Standing = MayStart | { readonly start: false; readonly why: Failure };

export type MayStart = {
  readonly start: true;
  /** Approves, cancels what others asked for, raises a cap. */
  readonly operator: boolean;
  /** null: all. */
  readonly tiers: readonly Tier[] | null;
  /** null: any number. */
  readonly tasksPerDay: number | null;
  /** Whose share and budget the work counts for. */
  readonly team: string;
};

/**
 * Pure. `memberships`: of the teams that the policy names, those this person is an active member of. `role`: the
 * repository's, as read by the person's login. Where one of the two could not be read there is no standing.
 *
 *   without `roles`   write, maintain or admin in the repository starts work, admin is an operator
 *   with `roles`      operators and requesters do, whatever their role: it must only exist. Who is both is an operator
 */
export function standingOf(policy: Policy, person: Requester, memberships: readonly string[], role: Role | undefined): Standing {
  const { login } = person;
  const { roles } = policy;
  const own = roleOf(person, role);
  const team = Object.keys(policy.teams).find((name) => memberships.includes(name)) ?? EVERYONE;
  const unlimited = { start: true, tiers: null, tasksPerDay: null, team } as const;
  if (own === undefined || (roles === undefined && !mayWrite(own)))
    return { start: false, why: { reason: "actor-may-not-start", login, role: own?.name ?? "none" } };
  if (roles === undefined) return { ...unlimited, operator: own.permission === "admin" };
  const isIn = (listed: { teams?: readonly string[] | undefined; people?: readonly string[] | undefined } | undefined) =>
    listed?.people?.includes(login.toLowerCase()) === true || listed?.teams?.some((name) => memberships.includes(name)) === true;
  if (isIn(roles.operator)) return { ...unlimited, operator: true };
  if (!isIn(roles.requester)) return { start: false, why: { reason: "actor-in-no-role", login } };
  const { tiers = null, tasks = null } = roles.requester ?? {};
  return { start: true, operator: false, tiers, tasksPerDay: tasks, team };
}

/** The teams that decide who may start. */
export function teamsOfRoles({ roles }: Policy): readonly string[] {
  return [...new Set([...(roles?.operator?.teams ?? []), ...(roles?.requester?.teams ?? [])])];
}

/** Those, and the teams that share the pool. */
export function teamsNamed(policy: Policy): readonly string[] {
  return [...new Set([...teamsOfRoles(policy), ...Object.keys(policy.teams)])];
}
