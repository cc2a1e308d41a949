import { createHash, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import type { Log, Runtime } from "#ports/runtime.ts";
import { createVerifier } from "./identity.ts";

export function createRuntime(options: { log: Log; oidcIssuer: string; publicUrl: string; playground: boolean }): Runtime {
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  return {
    log: options.log,
    playground: options.playground,
    newId: () => randomUUID(),
    newRunToken() {
      const token = `aprun_${randomBytes(32).toString("base64url")}`;
      return { token, hash: hash(token) };
    },
    newKeyPair() {
      const { x = "", d = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
      return { publicKey: x, privateKey: d };
    },
    hash,
    verifyIdentity: createVerifier(options.oidcIssuer, options.publicUrl),
  };
}
