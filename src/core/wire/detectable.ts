/** All that a job may find in a checkout: what it says of it is published, so it has no words of its own. */
export const DETECTABLE = [
  "npm test",
  "pnpm test",
  "yarn test",
  "bun run test",
  "pytest",
  ".venv/bin/pytest",
  "go test ./...",
  "cargo test",
  "make test",
] as const;
export type Detectable = (typeof DETECTABLE)[number];
