import { randomBytes } from "node:crypto";
import { errors, jwtVerify } from "jose";
import { refusal, type Answer } from "./answers.ts";
import { limitedToInstallation } from "./permissions.ts";
import { nowOf, type Account, type GitHub, type PersonToken, type Token } from "./state.ts";

/** Who a request is from. `refused` holds GitHub's answer to credentials that are wrong. */
export type Caller =
  | { readonly party: "app-jwt" }
  | { readonly party: "installation"; readonly token: Token }
  | ({ readonly party: "user" } & PersonToken)
  | { readonly party: "anonymous"; readonly refused?: Answer };

const MAX_JWT_MINUTES = 10;

/** Who can act on repositories. */
export type Acting = Extract<Caller, { readonly party: "installation" | "user" }>;

/** What `gh auth login` asks for. */
const GH_SCOPES = ["repo", "workflow", "read:org", "gist"];

export function makePersonToken(github: GitHub, account: Account, scopes: readonly string[] = GH_SCOPES): string {
  const value = `gho_${randomBytes(27).toString("base64url").replace(/[-_]/g, "0")}`;
  github.personTokens.set(value, { account, scopes });
  return value;
}

/** Whose name is under what a caller does. */
export function actorOf(github: GitHub, caller: Acting): Account {
  return caller.party === "user" ? caller.account : github.app.bot;
}

/** Reads `Authorization`: an App's JWT, an installation's or a person's token, or (git) Basic with the token as its password. */
export async function callerOf(github: GitHub, authorization: string | undefined): Promise<Caller> {
  if (authorization === undefined) return { party: "anonymous" };
  const [scheme = "", value = ""] = authorization.trim().split(/\s+/, 2);
  if (scheme.toLowerCase() === "basic") {
    const text = Buffer.from(value, "base64").toString();
    return tokenCaller(github, text.slice(text.indexOf(":") + 1));
  }
  if (!["bearer", "token"].includes(scheme.toLowerCase())) return wrong(401, "Bad credentials");
  return value.startsWith("ey") ? jwtCaller(github, value) : tokenCaller(github, value);
}

function tokenCaller(github: GitHub, value: string): Caller {
  const person = github.personTokens.get(value);
  if (person !== undefined) return { party: "user", ...person };
  const token = github.tokens.get(value);
  if (token === undefined || token.expiresAt <= nowOf(github)) return wrong(401, "Bad credentials");
  if (token.installation.suspendedAt !== null) return wrong(403, "This installation has been suspended");
  return { party: "installation", token: limitedToInstallation(github, token) };
}

/**
 * The JWT's times are held against the real clock: `advanceClock` ages what GitHub keeps, and must not make the
 * app's own clock look wrong. Messages are GitHub's.
 */
async function jwtCaller(github: GitHub, value: string): Promise<Caller> {
  try {
    const { payload } = await jwtVerify(value, github.app.publicKey, { algorithms: ["RS256"], clockTolerance: 5 });
    const now = Date.now() / 1000;
    if (payload.exp === undefined || payload.exp - now > MAX_JWT_MINUTES * 60 + 5) {
      return wrong(401, "'Expiration time' claim ('exp') is too far in the future");
    }
    if (payload.iat === undefined || payload.iat > now + 60) {
      return wrong(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
    }
    // App ids travel as numbers from some clients and as text from others; GitHub takes both.
    if (String(payload.iss) !== String(github.app.id)) return wrong(404, "Integration not found");
    return { party: "app-jwt" };
  } catch (error) {
    const expired = error instanceof errors.JWTExpired;
    return wrong(
      401,
      expired
        ? "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
        : "A JSON web token could not be decoded",
    );
  }
}

function wrong(status: number, message: string): Caller {
  return { party: "anonymous", refused: refusal(status, message) };
}
