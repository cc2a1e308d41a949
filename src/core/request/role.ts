import type { ActorId } from "../wire/ids.ts";

/** `permission` is what GitHub grants (`admin write read none`); `name` is how it calls the role, custom ones included. */
export type Role = { readonly permission: string; readonly name: string; readonly userId: number };

/** GitHub's `permission` maps maintain to write, triage to read, and a custom role to what it is built on. */
export function mayWrite(role: Role | undefined): boolean {
  return role?.permission === "write" || role?.permission === "admin";
}

/** What was read by login, where it is this person's: a login can change hands, and its new owner didn't ask. */
export function roleOf(person: { readonly id: ActorId }, read: Role | undefined): Role | undefined {
  return read?.userId === person.id && read.permission !== "none" ? read : undefined;
}
