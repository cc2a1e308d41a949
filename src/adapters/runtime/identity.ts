import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { z } from "zod";
import { oidcAudience } from "#core/wire/contract.ts";
import { err, ok, type Result } from "#core/wire/result.ts";
import type { RunIdentity } from "#ports/runtime.ts";

/** GitHub's claims as it writes them: every id is a string. `ref_protected` is absent on servers that don't know it. */
const Claims = z.object({
  repository_id: z.string(),
  repository_owner_id: z.string(),
  event_name: z.string(),
  workflow_ref: z.string(),
  ref: z.string(),
  ref_protected: z.string().default("unknown"),
  environment: z.string(),
  actor_id: z.string(),
  run_id: z.string().regex(/^\d+$/),
  run_attempt: z.string(),
  check_run_id: z.string().min(1),
});

/** Verifies OIDC tokens of one issuer for one audience. Its keys are fetched when first needed and kept by jose. */
export function createVerifier(issuer: string, publicUrl: string) {
  const keys = createRemoteJWKSet(new URL(`${issuer.replace(/\/$/, "")}/.well-known/jwks`));
  return async (token: string): Promise<Result<RunIdentity, "invalid" | "unavailable">> => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: oidcAudience(publicUrl),
        algorithms: ["RS256"],
        requiredClaims: ["exp", "iat"],
        clockTolerance: "30s",
      });
      const claims = Claims.safeParse(payload);
      return claims.success ? ok(toIdentity(claims.data)) : err("invalid");
    } catch (error) {
      // jose's own errors are about the token; the rest (and its timeout) about reaching the issuer.
      const invalid = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
      return err(invalid ? "invalid" : "unavailable");
    }
  };
}

function toIdentity(claims: z.infer<typeof Claims>): RunIdentity {
  return {
    repositoryId: claims.repository_id,
    repositoryOwnerId: claims.repository_owner_id,
    eventName: claims.event_name,
    workflowRef: claims.workflow_ref,
    ref: claims.ref,
    refProtected: claims.ref_protected,
    environment: claims.environment,
    actorId: claims.actor_id,
    runId: claims.run_id,
    runAttempt: claims.run_attempt,
    checkRunId: claims.check_run_id,
  };
}
