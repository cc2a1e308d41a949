import { cut } from "../../wire/text.ts";

/** What a text names of the code, as it is written there, each once. */
export type Mentions = {
  /** `src/a.ts`, `a.ts`, and what stands in an address or on somebody's disk. */
  readonly paths: ReadonlySet<string>;
  /** The files of a stack, as a runtime prints them; a subset of `paths`. */
  readonly frames: ReadonlySet<string>;
  /** `package.module.Class.method`, of two names or more. */
  readonly modules: ReadonlySet<string>;
  /** Those that example code imports: what it is written with, which is seldom what is to be changed. A subset of `modules`. */
  readonly imports: ReadonlySet<string>;
  /** Names that only code has: `HttpResponse`, `get_queryset`, and what stands in a code span. */
  readonly symbols: ReadonlySet<string>;
};

/** What is looked at, in characters: who needs more has said by then what it is about. */
export const MAX_READ = 20_000;

/** What sizing and signals read of an issue. Pure. */
export function readable({ title, body }: { readonly title: string; readonly body: string }): string {
  return cut(`${title}\n${body}`, MAX_READ);
}

/** How runtimes print a place: Python, JavaScript and Rust, Java and Kotlin, Go. Groups: `file`, and of Java the class it is in. */
const FRAMES: readonly RegExp[] = [
  /^[ \t]*File "(?<file>[^"\n]{1,300})", line \d+/gm,
  /^[ \t]*at (?:[^\n()]{1,200} \()?(?:file:\/\/|webpack:\/\/)?(?<file>[^\s()'"]{1,300}?):\d+(?::\d+)?\)?/gm,
  /^[ \t]*at (?<type>[\w$.]{1,200})\.[\w$<>]{1,100}\((?<file>[\w$]{1,100}\.(?:java|kt|scala|groovy)):\d+\)/gm,
  /^[ \t]*(?<file>[^\s:'"]{1,300}\.go):\d+(?: \+0x[0-9a-f]+)?$/gm,
  /panicked at (?:'[^'\n]{0,300}', )?(?<file>[^\s:'"]{1,300}\.rs):\d+/g,
];

const EXTENSIONS =
  "c|cc|cfg|cjs|clj|cpp|cs|css|cxx|dart|ex|exs|go|gradle|graphql|groovy|h|hpp|hs|html|ini|java|jinja|js|json|jsx|kt|less|lua|md|mjs|ml|mts|php|pl|po|proto|ps1|py|pyi|pyx|r|rb|rs|rst|scala|scss|sh|sql|svelte|swift|tf|toml|ts|tsx|txt|vue|xml|ya?ml|zig";
/** With a folder before it any ending will do; alone only one that files of code have. */
const PATH = new RegExp(
  String.raw`(?<![\w/.@+-])[\w.@+~-]{0,100}(?:[/\\][\w.@+~-]{1,100}){1,30}|(?<![\w.-])[\w-][\w.-]{0,100}?\.(?:${EXTENSIONS})(?![\w])`,
  "gi",
);
const MODULE = /(?<![\w./\\@-])[A-Za-z_]\w{0,60}(?:(?:\.|::|#)[A-Za-z_]\w{0,60}){1,8}(?![\w/\\@])/g;
const IMPORT = /^[ \t>]*(?:import|from|use|using|require)[ \t(]+[^\n]*$/gm;
/** What is thrown is named everywhere and wrong nowhere. */
const THROWN = /(?:Error|Exception|Warning|Fault)$/;
const SYMBOL =
  /(?<![\w./\\@-])(?:[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+|[a-z][a-z0-9]*(?:[A-Z][a-z0-9]+)+|_{0,2}[A-Za-z][a-z0-9]*(?:_[A-Za-z0-9]+)+)(?![\w/\\@])/g;
const SPAN = /(?<!`)`([A-Za-z_]\w{2,60})(?:\(\))?`(?!`)/g;

/** An address is of the code where it is that of a file on GitHub; its host and all others are no paths. */
const ADDRESS = /\b(?:https?|ftp):\/\/[^\s<>"'()[\]]*/g;
const FILE_AT = /^https?:\/\/(?:[^/]+\/){3}(?:blob|tree|blame|raw|edit)\/([^#?]+)/;

/** Linear in the text's length. Pure. */
export function mentionsIn(text: string): Mentions {
  const frames = new Set<string>();
  let said = text.replace(ADDRESS, (address) => ` ${FILE_AT.exec(address)?.[1] ?? ""}`);
  for (const pattern of FRAMES) {
    for (const { groups } of said.matchAll(pattern)) {
      const { file = "", type } = groups ?? {};
      frames.add((type === undefined ? file : fileOfType(type, file)).replaceAll("\\", "/"));
    }
    said = said.replace(pattern, "");
  }
  const paths = new Set([...frames, ...Array.from(said.matchAll(PATH), ([path]) => tidy(path))]);
  const spoken = modulesIn(said.replace(IMPORT, ""));
  const imports = (said.match(IMPORT) ?? []).flatMap((line) => Array.from(modulesIn(line))).filter((name) => !spoken.has(name));
  const symbols = new Set([
    ...Array.from(said.matchAll(SYMBOL), ([name]) => name),
    ...Array.from(said.matchAll(SPAN), ([, name = ""]) => name),
  ]);
  return { paths, frames, modules: new Set([...spoken, ...imports]), imports: new Set(imports), symbols };
}

/** A sentence's end is not the path's. */
function tidy(path: string): string {
  return path.replaceAll("\\", "/").replace(/(?<![.~-])[.~-]+$/, "");
}

function modulesIn(text: string): Set<string> {
  const names = Array.from(text.matchAll(MODULE), ([name]) => name.replace(/::|#/g, "."));
  return new Set(names.filter((name) => !THROWN.test(name)));
}

/** `org.acme.web.Page$1` in `Page.java` → `org/acme/web/Page.java`. */
function fileOfType(type: string, file: string): string {
  const folders = type.split(".").slice(0, -1);
  return [...folders, file].join("/");
}
