import { inlineCode } from "../change/inline-code.ts";
import { ownersOf } from "../plan/signals/code-owners.ts";
import type { Reviewers } from "../plan/plan.ts";
import type { Brief } from "../request/brief.ts";

/** Whose review was asked for, and whose could not be: as CODEOWNERS has them, `ada` and `acme/web`. */
export type Invited = { readonly asked: readonly string[]; readonly leftOut: readonly string[] };

/** More than so many are a crowd, in which nobody feels asked. */
const MAX_ASKED = 15;

/**
 * Who owns the changed files. GitHub asks them by itself, but not on a draft. An e-mail address is nobody whom it can be asked to ask,
 * and a team of another owner's isn't either. Source: docs.github.com, "About code owners". Pure.
 */
export function codeReviewers(codeOwners: string, paths: readonly string[], owner: Brief["owner"]): Reviewers {
  const named = ownersOf(codeOwners, paths).flatMap((written) => {
    const found = /^@(?<name>[\w-]+)(?:\/(?<team>[\w.-]+))?$/.exec(written)?.groups;
    return found === undefined ? [] : [{ name: found["name"] ?? "", team: found["team"] }];
  });
  return {
    people: named.flatMap(({ name, team }) => (team === undefined ? [name] : [])),
    teams: named.flatMap(({ name, team }) => (team !== undefined && isSame(name, owner.login) ? [team] : [])),
  };
}

/** Each once, nobody to review what they have asked for themselves, and no crowd. Pure. */
export function toInvite({ people, teams }: Reviewers, requester: Brief["requester"]): Reviewers {
  const others = unique(people)
    .filter((login) => !isSame(login, requester.login))
    .slice(0, MAX_ASKED);
  return { people: others, teams: unique(teams).slice(0, MAX_ASKED - others.length) };
}

/** In sentences, for the comment: an edit calls nobody, so they are named without effect. */
export function describeInvited({ asked, leftOut }: Invited): string[] {
  const names = (all: readonly string[]) => all.map((name) => inlineCode(name)).join(", ");
  return [
    ...(asked.length === 0 ? [] : [`Asked to review it: ${names(asked)}.`]),
    ...(leftOut.length === 0
      ? []
      : [`Not asked, since GitHub didn't let the app ask them (who can't read the repository can't be): ${names(leftOut)}.`]),
  ];
}

function unique(names: readonly string[]): string[] {
  return [...new Map(names.map((name) => [name.toLowerCase(), name])).values()];
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
