/** Names in paths, by the spelling that code and disk share. */

/** A file's name without its endings; one that begins with a dot is all name. */
export function stemOf(base: string): string {
  const dot = base.indexOf(".", 1);
  return dot < 0 ? base : base.slice(0, dot);
}

/** One spelling of those that a name has in code and on disk: `LoginForm`, `login_form`, `login-form`. */
export function plainName(name: string): string {
  const lower = name.toLowerCase();
  // A tree has many names, and most need nothing.
  return lower.includes("_") || lower.includes("-") ? lower.replace(/[-_]/g, "") : lower;
}

export function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== "." && name !== "..");
}
