import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Copy, DockerfileParser, Env, From, type Instruction, JSONInstruction } from "dockerfile-ast";

/**
 * Builds what a Dockerfile says without Docker: each stage is a folder, in which every folder that the file names stands for the one of
 * that path in the image, under bubblewrap, with this machine's system below and Node 24 first on the PATH. Keywords that it doesn't
 * know fail.
 */
export type Image = {
  readonly user: string;
  readonly volumes: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly base: string;
  /** Runs a command as a container with a read-only root would: unprivileged, volumes and /tmp alone writable. */
  run(command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess;
};

type Stage = {
  readonly name: string;
  readonly base: string;
  readonly root: string;
  readonly folders: Set<string>;
  readonly env: Record<string, string>;
  readonly volumes: string[];
  /** Whose a copied folder is, where a copy says so. */
  readonly owners: Map<string, string>;
  workdir: string;
  user: string;
  command: string[];
  healthcheck: string[];
};

export function buildImage(dockerfile: string, context: string, at: string): Image {
  const stages: Stage[] = [];
  for (const instruction of DockerfileParser.parse(dockerfile).getInstructions()) {
    if (instruction instanceof From) {
      const name = instruction.getBuildStage() ?? String(stages.length);
      const root = join(at, name);
      mkdirSync(root, { recursive: true });
      stages.push({ name, root, base: instruction.getImage() ?? "", folders: new Set(), env: {}, volumes: [], owners: new Map(), workdir: "/", user: "root", command: [], healthcheck: [] }); // prettier-ignore
    } else apply(instruction, stages, context);
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error("the Dockerfile has no stage");
  return { ...last, run: (command, env) => run(last, command, env) };
}

function apply(instruction: Instruction, stages: readonly Stage[], context: string): void {
  const stage = stages.at(-1);
  const text = instruction.getArgumentsContent() ?? "";
  if (stage === undefined) throw new Error(`${instruction.getKeyword()} before FROM`);
  switch (instruction.getKeyword()) {
    case "WORKDIR":
      stage.workdir = text;
      folder(stage, text);
      return;
    case "ENV":
      if (instruction instanceof Env) for (const it of instruction.getProperties()) stage.env[it.getName()] = it.getValue() ?? "";
      return;
    case "COPY":
      if (instruction instanceof Copy) copy(stage, instruction, stages, context);
      return;
    case "RUN":
      build(stage, text);
      return;
    case "VOLUME":
      stage.volumes.push(text);
      return;
    case "USER":
      stage.user = text;
      return;
    case "EXPOSE":
      return;
    case "CMD":
      stage.command = words(instruction);
      return;
    case "HEALTHCHECK":
      stage.healthcheck = JSON.parse(text.slice(text.indexOf("["))) as string[];
      return;
    default:
      throw new Error(`${instruction.getKeyword()} is not known here`);
  }
}

function words(instruction: Instruction): string[] {
  if (!(instruction instanceof JSONInstruction)) throw new Error("should be a JSON list: a shell would not pass signals on");
  return instruction.getJSONStrings().map((it) => it.getJSONValue());
}

/** The folder that stands for one of the image. */
function folder(stage: Stage, path: string): string {
  const top = `/${path.split("/")[1] ?? ""}`;
  if (["/", "/usr", "/etc", "/bin", "/lib", "/proc", "/dev", "/tmp"].includes(top)) throw new Error(`${path} is the system's`);
  stage.folders.add(top);
  const own = join(stage.root, path);
  mkdirSync(own, { recursive: true });
  return own;
}

function copy(stage: Stage, instruction: Copy, stages: readonly Stage[], context: string): void {
  const flags = new Map(instruction.getFlags().map((flag) => [flag.getName(), flag.getValue() ?? ""]));
  const paths = instruction.getArguments().map((it) => it.getValue());
  const from = flags.get("from");
  const target = paths.pop() ?? "";
  const absolute = target.startsWith("/") ? target : join(stage.workdir, target);
  const source = from === undefined ? context : stages.find(({ name }) => name === from)?.root;
  if (source === undefined) throw new Error(`no stage ${from ?? ""}`);
  const into = folder(stage, absolute);
  if (flags.get("chown") !== undefined) stage.owners.set(absolute, flags.get("chown")?.split(":")[0] ?? "");
  for (const path of paths) {
    if (from === undefined && !isSent(context, path)) throw new Error(`.dockerignore leaves ${path} out`);
    const found = join(source, path);
    // A folder's content is copied, a file itself; all targets here are folders.
    cpSync(found, statSync(found).isDirectory() ? into : join(into, basename(path)), { recursive: true });
  }
}

/** Whether Docker is sent a path of the folder that it builds from: here everything is left out but what is named with `!`. */
function isSent(context: string, path: string): boolean {
  const [first, ...kept] = readFileSync(join(context, ".dockerignore"), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("#")); // prettier-ignore
  if (first !== "*") throw new Error(".dockerignore should leave everything out first");
  return kept.includes(`!${path}`);
}

const NODE = dirname(process.execPath);
const PATH = "/opt/node:/usr/local/bin:/usr/bin:/bin";

function box(stage: Stage, writable: readonly string[]): string[] {
  const system = ["/usr", "/etc", "/bin", "/lib", "/lib64", "/sbin"].filter((path) => existsSync(path));
  return [
    ...system.flatMap((path) => ["--ro-bind", path, path]),
    "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", NODE, "/opt/node",
    ...[...stage.folders].flatMap((path) => [writable.includes(path) ? "--bind" : "--ro-bind", join(stage.root, path), path]),
    "--remount-ro", "/", "--chdir", stage.workdir, "--die-with-parent",
  ]; // prettier-ignore
}

/** While an image is built the network is there, and what npm is told of its registry. */
function build(stage: Stage, script: string): void {
  const home = ["--tmpfs", "/root", "--setenv", "HOME", "/root"];
  execFileSync("bwrap", [...home, ...box(stage, [...stage.folders]), "/bin/sh", "-euc", script], {
    env: { ...process.env, ...stage.env, PATH, npm_config_registry: registry() },
    stdio: ["ignore", "ignore", "pipe"],
  });
}

function registry(): string {
  return execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim();
}

function run(stage: Stage, command: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  if (stage.user === "root") throw new Error("the image runs as root");
  // A volume is written by whom the folder below it belongs to.
  const writable = stage.volumes.filter((path) => stage.owners.get(path) === stage.user);
  const nobody = ["--unshare-user", "--uid", "1000", "--gid", "1000", "--new-session", "--cap-drop", "ALL"];
  return spawn("bwrap", [...nobody, ...box(stage, writable), "--unshare-pid", "--as-pid-1", ...command], {
    env: { ...stage.env, ...env, PATH },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
