/** A harness that attacks are played on, and the policy under which every task goes to it. */
export type Harness = { readonly name: string; readonly policy: string };

/** Room for every attack of a stage: none waits for a budget or for another's job. */
function policyFor(harness: string, provider: string, model: string): string {
  const choice = `[{ harness: ${harness}, model: ${model} }]`;
  return `version: 1
pool:
  - name: platform-api
    provider: ${provider}
    jobs: 100
runner: acme/agent-runner
budget: $50000/month
tiers: { light: ${choice}, standard: ${choice}, frontier: ${choice} }
`;
}

/** The first plays all attacks, the others those marked `every`. */
export const HARNESSES: readonly Harness[] = [
  { name: "claude-code", policy: policyFor("claude-code", "anthropic", "claude-haiku-5-5") },
  { name: "codex", policy: policyFor("codex", "openai", "gpt-6.1-terra") },
  { name: "opencode", policy: policyFor("opencode", "openai", "gpt-6.1-terra") },
];
