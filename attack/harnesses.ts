/** A harness that attacks are played on, and the policy under which every task goes to it. */
export type Harness = { readonly name: string; readonly policy: string };

/** Room for every attack of a stage: none waits for a budget or for another's job. */
const pool = (provider: string) => `version: 1
pool:
  - name: platform-api
    provider: ${provider}
    jobs: 100
runner: acme/agent-runner
budget: $50000/month
`;

/** The first plays all attacks, the others those marked `every`. */
export const HARNESSES: readonly Harness[] = [{ name: "claude-code", policy: pool("anthropic") }];
