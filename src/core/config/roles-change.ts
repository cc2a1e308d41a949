import { TIERS } from "../wire/contract.ts";
import { differenceOf, listed, type Row } from "./changes.ts";
import type { Policy } from "./policy.ts";
import { was, type View } from "./policy-view.ts";

type Roles = NonNullable<Policy["roles"]>;
type Named = { readonly teams?: readonly string[] | undefined; readonly people?: readonly string[] | undefined };

function namesOf(role: Named | undefined): readonly string[] {
  return [...(role?.teams ?? []), ...(role?.people ?? [])];
}

function rolesOf({ operator, requester }: Roles): string {
  return [
    ...(operator === undefined ? [] : [`${listed(namesOf(operator))} without limits`]),
    ...(requester === undefined ? [] : [requesterOf(requester)]),
  ].join(", and ");
}

function requesterOf(requester: NonNullable<Roles["requester"]>): string {
  const { tiers, tasks } = requester;
  const limits = [
    ...(tiers === undefined ? [] : [`with ${tiers.join(", ")}`]),
    ...(tasks === undefined ? [] : [`${String(tasks)} tasks a day each`]),
  ];
  return `${listed(namesOf(requester))} ${limits.length === 0 ? "with every tier" : limits.join(", ")}`;
}

function members(role: "operator" | "requester", kind: "teams" | "people"): Row<View> {
  return {
    at: `roles.${role}.${kind}`,
    say(before, after) {
      const { added, gone } = differenceOf(before.roles?.[role]?.[kind], after.roles?.[role]?.[kind]);
      const what =
        role === "operator"
          ? "may start work without limits, and decide about that of others"
          : "may start work within the limits of `roles.requester`";
      const come = added.length === 0 ? [] : [`${listed(added)} ${what}.`];
      const leave = gone.length === 0 ? [] : [`${listed(gone)} may no longer do so as ${role}.`];
      return [...come, ...leave].join(" ") || undefined;
    },
    warns: (before, after) =>
      role === "operator" && differenceOf(before.roles?.[role]?.[kind], after.roles?.[role]?.[kind]).added.length > 0,
  };
}

/** Who may do what. */
export const ROLE_ROWS: readonly Row<View>[] = [
  {
    at: "roles",
    say({ roles: before }, { roles: after }) {
      if (after === undefined)
        return "Everybody with write may start work, with every tier and as often as they like; until now only those whom `roles` names could.";
      if (before !== undefined) return undefined;
      return `Only those whom \`roles\` names may start work: ${rolesOf(after)}. Until now everybody with write could.`;
    },
    warns: (_before, after) => after.roles === undefined,
  },
  {
    at: "roles.operator",
    say({ roles: before }, { roles: after }) {
      if (after?.operator === undefined)
        return `${listed(namesOf(before?.operator))} may no longer start work as operator; there is none any more.`;
      if (before?.operator !== undefined) return undefined;
      return `${listed(namesOf(after.operator))} may start work without limits, and decide about that of others.`;
    },
    warns: (before) => before.roles?.operator === undefined,
  },
  {
    at: "roles.requester",
    say({ roles: before }, { roles: after }) {
      if (after?.requester === undefined) return `${listed(namesOf(before?.requester))} may no longer start work as requester.`;
      if (before?.requester !== undefined) return undefined;
      return `${requesterOf(after.requester)} may start work.`;
    },
  },
  members("operator", "teams"),
  members("operator", "people"),
  members("requester", "teams"),
  members("requester", "people"),
  {
    at: "roles.requester.tiers",
    say({ roles: before }, { roles: after }) {
      const { added, gone } = differenceOf(before?.requester?.tiers ?? TIERS, after?.requester?.tiers ?? TIERS);
      const may = [
        ...(added.length === 0 ? [] : [`may now use ${added.join(" and ")}`]),
        ...(gone.length === 0 ? [] : [`may no longer use ${gone.join(" and ")}`]),
      ];
      return may.length === 0 ? undefined : `${listed(namesOf(after?.requester))} ${may.join(", and ")}.`;
    },
  },
  {
    at: "roles.requester.tasks",
    say({ roles: before }, { roles: after }) {
      const tasks = after?.requester?.tasks;
      const many = tasks === undefined ? "as many tasks a day as they like" : `${String(tasks)} tasks a day each`;
      return `${listed(namesOf(after?.requester))} may start ${many}${was(before?.requester?.tasks, String)}.`;
    },
  },
  {
    at: "approve",
    say: (_before, { approve }) =>
      approve === "other"
        ? "What waits for an approval is approved by somebody other than who asked for it."
        : "Whoever may decide approves what waits for it, their own requests included.",
    warns: (_before, { approve }) => approve === "anyone",
  },
];
