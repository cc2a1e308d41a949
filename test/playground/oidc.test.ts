import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOidcIssuer, type JobIdentity, type OidcIssuer } from "#playground/oidc.ts";

const IDENTITY: JobIdentity = {
  repository: { id: 77, name: "runner", owner: "acme", ownerId: 5, private: true },
  run: { id: 1000, number: 3, attempt: 1 },
  checkRunId: 8,
  actor: { id: 9, login: "agent-pool[bot]" },
  workflow: { name: "agent-pool", path: ".github/workflows/agent-pool.yml" },
  event: "workflow_dispatch",
  ref: "refs/heads/main",
  refProtected: true,
  sha: "a".repeat(40),
  environment: "team:api",
  audience: "https://pool.example",
};

describe("OIDC issuer", () => {
  let issuer: OidcIssuer;
  beforeAll(async () => {
    issuer = await startOidcIssuer();
  });
  afterAll(() => issuer[Symbol.asyncDispose]());

  async function verify(token: string) {
    const discovery = (await (await fetch(`${issuer.url}/.well-known/openid-configuration`)).json()) as { jwks_uri: string };
    const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
    return jwtVerify(token, keys, { issuer: issuer.url, audience: "https://pool.example", algorithms: ["RS256"] });
  }

  it("mints a token that verifies against the published keys and states every id as a string", async () => {
    const { payload } = await verify(await issuer.mint(IDENTITY));

    expect(payload).toMatchObject({
      sub: "repo:acme@5/runner@77:environment:team%3Aapi",
      repository_id: "77",
      repository_owner_id: "5",
      run_id: "1000",
      run_attempt: "1",
      check_run_id: "8",
      actor_id: "9",
      ref_protected: "true",
      workflow_ref: "acme/runner/.github/workflows/agent-pool.yml@refs/heads/main",
      environment: "team:api",
      runner_environment: "github-hosted",
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  });

  it("leaves the environment out for a job without one", async () => {
    const claims = decodeJwt(await issuer.mint({ ...IDENTITY, environment: undefined }));

    expect(claims).not.toHaveProperty("environment");
    expect(claims.sub).toBe("repo:acme@5/runner@77:ref:refs/heads/main");
  });

  it("mints tokens that must be refused: another key, expired, another audience", async () => {
    const stranger = await issuer.mint(IDENTITY, { signedBy: "stranger" });
    const expired = await issuer.mint(IDENTITY, { claims: { exp: 1 } });
    const elsewhere = await issuer.mint(IDENTITY, { claims: { aud: "https://other.example" } });

    await expect(verify(stranger)).rejects.toThrow("signature");
    await expect(verify(expired)).rejects.toThrow("exp");
    await expect(verify(elsewhere)).rejects.toThrow("aud");
  });
});
