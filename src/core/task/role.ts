/** `permission` is what GitHub grants (`admin write read none`); `name` is how it calls the role, custom ones included. */
export type Role = { readonly permission: string; readonly name: string; readonly userId: number };

/** GitHub's `permission` maps maintain to write, triage to read, and a custom role to what it is built on. */
export function mayWrite(role: Role | undefined): boolean {
  return role?.permission === "write" || role?.permission === "admin";
}
