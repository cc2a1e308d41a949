import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type Claim, Outcome } from "#core/wire/contract.ts";
import { seal, SEALED_OUTCOME } from "#core/wire/sealed.ts";

/**
 * What the job would say if it ended now, in two files below the runner's temporary folder, so that neither a killed step nor
 * an app that is away loses it: one for the post step, which holds the run token and only this user can read; and one sealed
 * for the app, which a later step of the workflow uploads.
 */
export type Outbox = {
  /** For the post step. */
  readonly path: string;
  /** To be uploaded; undefined where the app gave no key for it. */
  readonly sealed: string | undefined;
  /** Replaces what was kept before, each file in one step. */
  keep(outcome: Outcome): Promise<void>;
  /** Once the app has it. */
  clear(): Promise<void>;
};

const Kept = z.strictObject({
  appUrl: z.string(),
  attempt: z.string(),
  runToken: z.string(),
  outcome: Outcome,
  sealed: z.string().optional(),
});
export type Kept = z.infer<typeof Kept>;

type Sender = Pick<Kept, "appUrl" | "attempt">;

export function makeOutbox(temp: string, { appUrl, attempt }: Sender, { runToken, outcomeKey }: Claim): Outbox {
  const path = join(temp, `agent-pool-${attempt}.json`);
  const sealed = outcomeKey === null ? undefined : join(temp, `agent-pool-${attempt}`, SEALED_OUTCOME.file);
  // One after the other: what was kept last stays.
  let last = Promise.resolve();
  const next = (write: () => Promise<void>): Promise<void> => (last = last.catch(() => {}).then(write));
  return {
    path,
    sealed,
    keep: (outcome) =>
      next(async () => {
        await replace(path, JSON.stringify({ appUrl, attempt, runToken, outcome, sealed } satisfies Kept));
        if (sealed === undefined || outcomeKey === null) return;
        const tokenHash = createHash("sha256").update(runToken).digest("hex");
        await replace(sealed, seal(JSON.stringify(outcome), makeKeys(), outcomeKey, { lease: attempt, tokenHash }));
      }),
    clear: () => next(() => clearKept(path, sealed)),
  };
}

/** Undefined when there is none, which is how a job that has reported leaves it. */
export async function readKept(path: string): Promise<Kept | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = Kept.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
}

export async function clearKept(path: string, sealed: string | undefined): Promise<void> {
  await rm(path, { force: true });
  if (sealed !== undefined) await rm(dirname(sealed), { recursive: true, force: true });
}

function makeKeys(): { publicKey: string; privateKey: string } {
  const { x = "", d = "" } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  return { publicKey: x, privateKey: d };
}

/** A job that is killed on the way leaves the old file or the new one. */
async function replace(path: string, content: string | Buffer): Promise<void> {
  const fresh = `${path}.new`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(fresh, content, { mode: 0o600 });
  await rename(fresh, path);
}
