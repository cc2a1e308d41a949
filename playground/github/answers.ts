import type { Acting, Caller } from "./credentials.ts";
import type { Repository } from "./state.ts";

/** What a route answers. `body` absent: no content. */
export type Answer = {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A request that is authenticated. */
export type ApiRequest = {
  readonly method: string;
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly accept: string;
  readonly caller: Caller;
};
export type RepositoryRequest = ApiRequest & { readonly repository: Repository; readonly caller: Acting };

const DOCS = "https://docs.github.com/rest";

export function answer(status: number, body?: unknown, headers?: Readonly<Record<string, string>>): Answer {
  return { status, ...(body === undefined ? {} : { body }), ...(headers === undefined ? {} : { headers }) };
}

export function refusal(status: number, message: string, more?: Readonly<Record<string, unknown>>): Answer {
  return { status, body: { message, ...more, documentation_url: DOCS, status: String(status) } };
}

export function notFound(): Answer {
  return refusal(404, "Not Found");
}

export function badCredentials(): Answer {
  return refusal(401, "Bad credentials");
}

export function notAccessible(): Answer {
  return refusal(403, "Resource not accessible by integration");
}

/** What GitHub answers a person whose role is too low, whatever role it would take. */
export function notAdmin(): Answer {
  return refusal(403, "Must have admin rights to Repository.");
}

/** What takes a paid plan in a private repository. */
export function upgradeNeeded(): Answer {
  return refusal(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.");
}

/** A field that GitHub's own schema of the request demands. */
export function notSupplied(field: string): Answer {
  return refusal(422, `Invalid request.\n\n"${field}" wasn't supplied.`);
}

type FieldError = { readonly resource: string; readonly code: string; readonly field?: string; readonly message?: string };

/** GitHub's 422: `Validation Failed` with what is wrong in `errors`. */
export function invalid(...errors: readonly FieldError[]): Answer {
  return refusal(422, "Validation Failed", { errors });
}

/** A 422 whose message stands by itself, as the Git Data API answers. */
export function unprocessable(message: string): Answer {
  return refusal(422, message);
}

/** `per_page` (30, at most 100) and `page` of a list, with the `link` header that clients page by. */
export function page<T>(
  request: ApiRequest,
  url: string,
  items: readonly T[],
): { readonly items: readonly T[]; readonly headers: Record<string, string> } {
  const size = Math.min(Math.max(Number(request.query["per_page"] ?? 30) || 30, 1), 100);
  const number = Math.max(Number(request.query["page"] ?? 1) || 1, 1);
  const last = Math.max(Math.ceil(items.length / size), 1);
  const link = (to: number, rel: string): string => {
    const query = new URLSearchParams({ ...request.query, per_page: String(size), page: String(to) });
    return `<${url}?${query.toString()}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, "prev"), link(1, "first")] : []),
    ...(number < last ? [link(number + 1, "next"), link(last, "last")] : []),
  ];
  return {
    items: items.slice((number - 1) * size, number * size),
    headers: links.length === 0 ? {} : { link: links.join(", ") },
  };
}

export function textField(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = body[name];
  return typeof value === "string" ? value : undefined;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
