import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { SignJWT, exportJWK, generateKeyPair, type CryptoKey } from "jose";
import { listen } from "./runner/listen.ts";

/** The facts of one job that GitHub states in its token. Numbers here, strings in the token, as GitHub does. */
export type JobIdentity = {
  readonly repository: {
    readonly id: number;
    readonly name: string;
    readonly owner: string;
    readonly ownerId: number;
    readonly private: boolean;
  };
  readonly run: { readonly id: number; readonly number: number; readonly attempt: number };
  readonly checkRunId: number;
  readonly actor: { readonly id: number; readonly login: string };
  /** The workflow's `name:` and its path in the repository. */
  readonly workflow: { readonly name: string; readonly path: string };
  readonly event: string;
  readonly ref: string;
  readonly refProtected: boolean;
  readonly sha: string;
  /** Undefined for a job without an environment: the claim is then absent and `sub` names the ref. */
  readonly environment?: string | undefined;
  /** Default as on GitHub: the address of the owner. */
  readonly audience?: string | undefined;
};

/** Ways to mint a token that must be refused. */
export type MintOverrides = {
  /** Replaces claims by name; `undefined` removes one. `{ exp: 1 }` is an expired token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** `stranger` signs with a key this issuer never published, under the published key id. */
  readonly signedBy?: "issuer" | "stranger";
  readonly kid?: string;
};

export type OidcIssuer = AsyncDisposable & {
  /** The issuer (`iss`), without a trailing slash. */
  readonly url: string;
  mint(identity: JobIdentity, overrides?: MintOverrides): Promise<string>;
};

/** Seconds; GitHub's example token lives 300 s (docs.github.com, actions/reference/security/oidc, read 2026-11-23). */
const LIFETIME_S = 300;

/**
 * Starts an issuer on loopback that behaves like token.actions.githubusercontent.com: discovery document, key set, and
 * RS256 tokens with GitHub's claims.
 */
export async function startOidcIssuer(): Promise<OidcIssuer> {
  const kid = randomUUID();
  const [own, stranger] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
  const jwk = { ...(await exportJWK(own.publicKey)), kid, alg: "RS256", use: "sig" };

  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://issuer").pathname;
    const body =
      path === "/.well-known/openid-configuration"
        ? discovery(listening.url)
        : path === "/.well-known/jwks"
          ? { keys: [jwk] }
          : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { message: "Not Found" }));
  });
  const listening = await listen(server);

  return {
    url: listening.url,
    mint: (identity, overrides = {}) =>
      sign(
        { ...githubClaims(identity, listening.url, Math.floor(Date.now() / 1000)), ...overrides.claims },
        overrides.signedBy === "stranger" ? stranger.privateKey : own.privateKey,
        overrides.kid ?? kid,
      ),
    [Symbol.asyncDispose]: listening.close,
  };
}

function sign(claims: Record<string, unknown>, key: CryptoKey, kid: string): Promise<string> {
  const present = Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
  return new SignJWT(present).setProtectedHeader({ typ: "JWT", alg: "RS256", kid }).sign(key);
}

function discovery(issuer: string) {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks`,
    subject_types_supported: ["public", "pairwise"],
    response_types_supported: ["id_token"],
    claims_supported: Object.keys(githubClaims(EXAMPLE, issuer, 0)),
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid"],
  };
}

/**
 * GitHub's claims for a job; every id is a string. Pure.
 * `sub` has the format of repositories made after 2026-07-15, with ids (github.blog/changelog 2026-04-23); a colon in
 * the environment's name becomes %3A.
 */
function githubClaims(identity: JobIdentity, issuer: string, now: number): Record<string, unknown> {
  const { repository, run, actor, workflow, ref, sha, environment } = identity;
  const fullName = `${repository.owner}/${repository.name}`;
  const workflowRef = `${fullName}/${workflow.path}@${ref}`;
  const scope = environment === undefined ? `ref:${ref}` : `environment:${environment.replaceAll(":", "%3A")}`;
  return {
    jti: randomUUID(),
    sub: `repo:${repository.owner}@${repository.ownerId}/${repository.name}@${repository.id}:${scope}`,
    aud: identity.audience ?? `https://github.com/${repository.owner}`,
    iss: issuer,
    iat: now,
    nbf: now,
    exp: now + LIFETIME_S,
    ref,
    ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
    ref_protected: String(identity.refProtected),
    sha,
    repository: fullName,
    repository_id: String(repository.id),
    repository_owner: repository.owner,
    repository_owner_id: String(repository.ownerId),
    repository_visibility: repository.private ? "private" : "public",
    run_id: String(run.id),
    run_number: String(run.number),
    run_attempt: String(run.attempt),
    check_run_id: String(identity.checkRunId),
    actor: actor.login,
    actor_id: String(actor.id),
    workflow: workflow.name,
    workflow_ref: workflowRef,
    workflow_sha: sha,
    job_workflow_ref: workflowRef,
    job_workflow_sha: sha,
    event_name: identity.event,
    environment,
    runner_environment: "github-hosted",
  };
}

/** Only to list the names of the claims. */
const EXAMPLE: JobIdentity = {
  repository: { id: 1, name: "r", owner: "o", ownerId: 1, private: true },
  run: { id: 1, number: 1, attempt: 1 },
  checkRunId: 1,
  actor: { id: 1, login: "a" },
  workflow: { name: "w", path: ".github/workflows/w.yml" },
  event: "workflow_dispatch",
  ref: "refs/heads/main",
  refProtected: true,
  sha: "0".repeat(40),
  environment: "e",
};
