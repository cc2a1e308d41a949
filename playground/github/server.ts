import { createPublicKey, generateKeyPair } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { toManifest } from "./app-creation.ts";
import { makeControl } from "./control.ts";
import type { AppManifest, EmulatedGitHub, GitHubOptions } from "./emulated-github.ts";
import { listen } from "./http.ts";
import type { GitHub } from "./state.ts";

/**
 * Starts an emulated GitHub on a loopback port: state in memory, one bare git repository on disk for each repository,
 * every exchange held against GitHub's published contract. Effects: listens; writes below `dataDir`; runs `git`.
 */
export async function startGitHub(options: GitHubOptions): Promise<EmulatedGitHub> {
  const manifest = typeof options.appManifest === "string" ? await readManifest(options.appManifest) : options.appManifest;
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const privateKeyPem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  const now = Date.now();
  const bot = { id: 1_000_001, login: `${options.app.slug}[bot]`, type: "Bot" as const, createdAt: now };
  const github: GitHub = {
    options: { ...options, dataDir: resolve(options.dataDir) },
    manifest,
    app: { ...options.app, bot, publicKey: createPublicKey(privateKeyPem), privateKeyPem, createdAt: now },
    url: "",
    htmlUrl: `https://${options.publicHost ?? "github.example"}`,
    webhook: options.webhook,
    listingLagMs: options.listingLagMs ?? 0,
    clockOffsetMs: 0,
    lastId: bot.id,
    newApps: new Map(),
    accounts: new Map([[bot.login.toLowerCase(), bot]]),
    plans: new Map(),
    teams: new Map(),
    organizationRoles: new Map(),
    organizationSecrets: new Map(),
    repositories: new Map(),
    installations: new Map(),
    tokens: new Map(),
    personTokens: new Map(),
    secretKeys: new Map(),
    runQueue: [],
    runWaiters: new Set(),
    downloads: new Map(),
    deliveries: [],
    pendingDeliveries: new Set(),
    violations: [],
    calls: [],
    hooks: new Set(),
    created: new Map(),
  };
  const server = await listen(github, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  github.url = `http://127.0.0.1:${String(port)}`;
  return makeControl(github, async () => {
    server.closeAllConnections();
    await new Promise<void>((done) => {
      server.close(() => {
        done();
      });
    });
    await Promise.allSettled(github.pendingDeliveries);
  });
}

async function readManifest(path: string): Promise<AppManifest> {
  const manifest = toManifest(parse(await readFile(path, "utf8")));
  if (manifest === undefined) throw new Error(`${path} is not an app manifest: name and default_permissions are needed`);
  return manifest;
}
