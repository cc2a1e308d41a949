import type { InitProblem } from "#app/init.ts";

/** What GitHub's answers mean to an operator, each with what to do. */
export function explainInitProblem(problem: InitProblem): string {
  if (problem.reason === "cannot-begin") return problem.message;
  const said = `GitHub said "${problem.message}" (${problem.route})`;
  if (problem.reason === "github-unavailable") {
    if (problem.tokenRefused) return "GitHub refuses your token; run `gh auth login`, or set GH_TOKEN to one that is valid";
    const wait =
      problem.retryAfterMs === null ? "try again" : `try again in ${String(Math.ceil(problem.retryAfterMs / 1_000))} s`;
    return `${said}; ${wait}`;
  }
  if (problem.status === 403 || problem.status === 404)
    return `${said}; your token may not do this: ask an owner, or give it the right (\`gh auth refresh\`)`;
  return said;
}

/** What is missing of a token. */
export function explainScopes(missing: readonly string[], pages: string): string {
  const host = new URL(pages).hostname;
  const flags = missing.map((scope) => `-s ${scope}`).join(" ");
  return `your token lacks ${missing.join(", ")}; run \`gh auth refresh -h ${host} ${flags}\`, then this again`;
}
