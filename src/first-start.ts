import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { createdAppReader } from "#adapters/github/app-creation.ts";
import { makeSetUpPage } from "#web/set-up.ts";
import { ENV_FILE, writeEnvFile } from "./env-file.ts";
import type { FirstStart } from "./env.ts";
import { reasonOf } from "./reason.ts";

const APP_YML = fileURLToPath(new URL("../app.yml", import.meta.url));

/**
 * The first start: serves the page on which a person has the GitHub App made, until its variables stand in `.env`.
 * Throws where they couldn't be kept there, before anything is made.
 */
export async function awaitApp(config: FirstStart, log: Logger): Promise<void> {
  const file = resolve(ENV_FILE);
  // Written as it will be: a folder can be writable, and the file a mount that can't be replaced.
  await writeEnvFile(file, {}).catch((cause: unknown) => {
    throw new Error(`there is no APP_ID, and for the page that makes the App ${file} must be writable (${reasonOf(cause)})`, {
      cause,
    });
  });
  const { listener, key, made } = makeSetUpPage({
    ...config,
    appYml: await readFile(APP_YML, "utf8"),
    readCreatedApp: createdAppReader(config.apiUrl),
    keep: ({ id, privateKey, webhookSecret }, publicUrl) =>
      writeEnvFile(file, { APP_ID: String(id), PRIVATE_KEY: privateKey, WEBHOOK_SECRET: webhookSecret, PUBLIC_URL: publicUrl })
        .then(() => undefined)
        .catch(reasonOf),
    log,
  });
  const server = createServer((request, response) => void listener(request, response)).listen(config.port, config.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  say([
    "there is no GitHub App yet. Make one in a browser, by this link:",
    `  http://localhost:${String(port)}/probot?key=${key}`,
    `From elsewhere, the same below ${config.publicUrl || "the address by which the app is reached"}.`,
  ]);
  const page = await made;
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  say([
    `the App is made, and its key stands in ${file}. Keep that file, and nobody else's eyes on it.`,
    `Next: install the App at ${page}/installations/new, on all repositories or on those to be served. Then, in another shell in this folder:`,
    "  npx agent-pool init OWNER",
  ]);
}

function say(lines: readonly string[]): void {
  process.stderr.write(`agent-pool: ${lines.join("\n")}\n`);
}
