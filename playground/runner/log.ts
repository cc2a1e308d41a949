/** The log of one run. What is written goes through the masks known at that moment, as on GitHub. */
export type Log = {
  /** Hides a value, and the forms in which GitHub hides it too, from everything written later. */
  mask(value: string): void;
  write(line: string): void;
  /** Takes a process's output: splits lines, obeys workflow commands, writes the rest. */
  stream(): OutputStream;
  text(): string;
};

export type OutputStream = { push(chunk: Buffer): void; end(): void };

export function makeLog(onLine: (line: string) => void): Log {
  const masks = new Set<string>();
  const lines: string[] = [];

  function mask(value: string): void {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      if (part.trim() === "") continue;
      for (const form of formsOf(part)) masks.add(form);
    }
  }

  function write(line: string): void {
    const hidden = [...masks]
      .toSorted((a, b) => b.length - a.length)
      .reduce((text, secret) => text.replaceAll(secret, "***"), line);
    lines.push(hidden);
    onLine(hidden);
  }

  function stream(): OutputStream {
    const decoder = new TextDecoder();
    let rest = "";
    let resumeToken: string | undefined;

    function take(line: string): void {
      const command = /^\s*::([a-z-]+)(?: [^:]*)?::(.*)$/.exec(line);
      const name = command?.[1] ?? "";
      const value = unescapeData(command?.[2] ?? "");
      if (resumeToken !== undefined) {
        if (line.trim() === `::${resumeToken}::`) resumeToken = undefined;
        else write(line);
      } else if (name === "add-mask") {
        mask(value);
        write("::add-mask::***");
      } else if (name === "stop-commands") resumeToken = value;
      else if (name === "group" || name === "error" || name === "warning" || name === "notice") {
        for (const [index, part] of value.split(/\r?\n/).entries()) write(index === 0 ? `##[${name}]${part}` : part);
      } else if (name === "endgroup") write("##[endgroup]");
      else if (name !== "debug") write(line);
    }

    return {
      push(chunk) {
        const pieces = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
        rest = pieces.pop() ?? "";
        for (const line of pieces) take(line);
      },
      end() {
        if (rest !== "") take(rest);
        rest = "";
      },
    };
  }

  return { mask, write, stream, text: () => lines.map((line) => `${line}\n`).join("") };
}

/**
 * A secret and what GitHub's runner hides beside it: base64 at each of the three alignments, JSON and URI escapes
 * (actions/runner, ValueEncoders.cs). No more than GitHub, so that a leak there is a leak here.
 */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, "utf8");
  const base64 = [0, 1, 2].filter((shift) => bytes.length > shift).map((shift) => bytes.subarray(shift).toString("base64"));
  return [value, ...base64, JSON.stringify(value).slice(1, -1), encodeURIComponent(value)];
}

function unescapeData(text: string): string {
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}
