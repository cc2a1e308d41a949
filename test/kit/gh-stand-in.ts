import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { connectOperator } from "#adapters/github/operator.ts";

/** `gh` as far as fixes of `doctor` use it; anything else ends with an error. */
const { GITHUB_API_URL: api = "", GH_TOKEN: token = "" } = process.env;
const { values, positionals } = parseArgs({
  options: {
    method: { type: "string", short: "X", default: "GET" },
    "raw-field": { type: "string", short: "f", multiple: true, default: [] },
    field: { type: "string", short: "F", multiple: true, default: [] },
    repo: { type: "string" },
    env: { type: "string" },
  },
  allowPositionals: true,
});
const [command, ...words] = positionals;

if (command === "api") {
  const body: Record<string, unknown> = {};
  const set = (field: string, value: (given: string) => unknown): void => {
    const at = field.indexOf("=");
    const [name, given] = [field.slice(0, at), field.slice(at + 1)];
    if (!name.endsWith("[]")) body[name] = value(given);
    else body[name.slice(0, -2)] = [...((body[name.slice(0, -2)] as unknown[] | undefined) ?? []), value(given)];
  };
  for (const field of values["raw-field"]) set(field, (given) => given);
  // As gh has it: these are true, false, null and numbers where they look so.
  for (const field of values.field) set(field, (given) => (/^(true|false|null|-?\d+)$/.test(given) ? JSON.parse(given) : given));
  const answer = await fetch(`${api}/${words[0] ?? ""}`, {
    method: values.method,
    headers: { authorization: `token ${token}`, "content-type": "application/json" },
    ...(Object.keys(body).length === 0 ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`gh: HTTP ${String(answer.status)} ${await answer.text()}`);
} else if (command === "secret" && words[0] === "set") {
  const secret = (await text(process.stdin)).trim();
  const done = await connectOperator(api, token).setSecret(values.repo ?? "", values.env ?? "", words[1] ?? "", secret);
  if (!done.ok) throw new Error(done.error.message);
} else throw new Error(`gh: no such command here: ${positionals.join(" ")}`);
