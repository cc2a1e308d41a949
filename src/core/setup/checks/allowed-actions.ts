import type { ActionsFacts } from "../facts.ts";

/** Whether Actions' settings let a workflow use `owner/repository/path@ref`. Pure. */
export function isAllowed(reference: string, { allowed, githubOwned, patterns }: ActionsFacts): boolean {
  if (allowed !== "selected") return allowed === "all";
  const isOut = patterns.some((pattern) => pattern.startsWith("!") && excludes(pattern.slice(1), reference));
  if (isOut) return false;
  if (githubOwned && /^(actions|github)\//i.test(reference)) return true;
  return patterns.some((pattern) => !pattern.startsWith("!") && matches(pattern, reference));
}

/** One that names no ref is taken to hold for each. */
function excludes(pattern: string, reference: string): boolean {
  const [path = ""] = reference.split("@");
  const [owner = "", repository = ""] = path.split("/");
  return [reference, path, `${owner}/${repository}`].some((each) => matches(pattern, each));
}

/** `*` stands for anything. Source: REST API, "Set allowed actions and reusable workflows for a repository". */
function matches(pattern: string, text: string): boolean {
  const wanted = text.toLowerCase();
  const [first = "", ...others] = pattern.trim().toLowerCase().split("*");
  const last = others.pop();
  if (last === undefined) return wanted === first;
  if (!wanted.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = wanted.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return wanted.length - last.length >= at && wanted.endsWith(last);
}
