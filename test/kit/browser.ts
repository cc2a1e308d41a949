import { request } from "node:http";

export type Reply = { readonly status: number; readonly location: string; readonly text: string };

/** A browser's request, with the headers it is told. */
export function browse(url: string, headers: Record<string, string> = {}, form?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: form === undefined ? "GET" : "POST",
      headers: { ...headers, ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }) },
    });
    sent.once("error", reject).once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, location: response.headers.location ?? "", text }));
    });
    sent.end(form);
  });
}

/** The value of an attribute as the page has it. */
export function readPage(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1] ?? "";
  return found.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&"); // prettier-ignore
}

/** What the app prints where it has no App yet. */
export const LINK = /(http:\/\/localhost:\d+\/probot\?key=[0-9a-f]{32})\n/;

/** From the set-up page, with the app at `url`, to where GitHub sends the browser back. */
export async function askGitHub(
  link: string,
  url: string,
): Promise<{ readonly manifest: Record<string, unknown>; readonly back: string }> {
  const { text } = await browse(`${link}&owner=acme&url=${encodeURIComponent(url)}`);
  const manifest = readPage(text, /name="manifest" value="([^"]*)"/);
  const { location } = await browse(
    readPage(text, /<form method="post" action="([^"]*)"/),
    {},
    new URLSearchParams({ manifest }).toString(),
  );
  return { manifest: JSON.parse(manifest) as Record<string, unknown>, back: location };
}
