import { z } from "zod";

export function isLoopback(address: string): boolean {
  return ["localhost", "127.0.0.1"].includes(URL.parse(address)?.hostname ?? "");
}

/** The address by which GitHub and the runners reach the app, without a slash at its end. They send what they hold: never in the clear, but on this machine. */
export const PublicUrl = z
  .url({ protocol: /^https?$/, error: "should be an address like https://agents.example.com" })
  .refine((text) => text.startsWith("https:") || isLoopback(text), "should begin with https://")
  .refine((text) => !/[?#]/.test(text), "should have no `?` or `#` part")
  .transform((text) => text.replace(/\/+$/, ""));
