import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import type { JobIdentity, OidcIssuer } from "../oidc.ts";
import { listen } from "./listen.ts";

/** Where one job asks for its OIDC tokens; good until disposed, at the job's end. */
export type JobIdTokens = Disposable & { readonly url: string; readonly bearer: string };

export type IdTokens = AsyncDisposable & { open(identity: JobIdentity): JobIdTokens };

/**
 * Serves what GitHub puts behind ACTIONS_ID_TOKEN_REQUEST_URL: `GET …?api-version=2.0&audience=…` with the job's bearer
 * answers `{ value }`. The address already has a query, since clients append `&audience=` (@actions/core, oidc-utils).
 */
export async function startIdTokens(issuer: Pick<OidcIssuer, "mint">): Promise<IdTokens> {
  const jobs = new Map<string, JobIdentity>();
  const server = createServer((request, response) => {
    const identity = jobs.get(request.headers.authorization ?? "");
    const url = new URL(request.url ?? "/", "http://runner");
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (identity === undefined) return answer(401, { message: "Not authorized" });
    if (url.pathname !== "/idtoken") return answer(404, { message: "Not Found" });
    const audience = url.searchParams.get("audience") ?? undefined;
    issuer.mint({ ...identity, audience }).then(
      (value) => answer(200, { value, count: value.length }),
      (error: unknown) => answer(500, { message: String(error) }),
    );
  });
  const listening = await listen(server);
  return {
    open(identity) {
      const bearer = randomBytes(32).toString("base64url");
      jobs.set(`Bearer ${bearer}`, identity);
      return {
        url: `${listening.url}/idtoken?api-version=2.0`,
        bearer,
        [Symbol.dispose]: () => void jobs.delete(`Bearer ${bearer}`),
      };
    },
    [Symbol.asyncDispose]: listening.close,
  };
}
