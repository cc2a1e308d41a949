import { z } from "zod";
import { Contract } from "./contract.ts";

/**
 * What stands in the dispatch's input instead of an attempt's id where a set-up is tried out: the job shows who it is, proves its
 * sandbox and gateway, and spends nothing. `POST {PUBLIC_URL}/runs/{probe}/probe`, Authorization: Bearer <GitHub OIDC token>, body
 * ProbeRequest → ProbeReply. Nothing is kept of it, and nothing handed out.
 */
export const PROBE_ID = /^probe-[0-9a-f]{32}$/;
export const ProbeRequest = z.strictObject({ contract: Contract });
export const ProbeReply = z.object({ contract: Contract });
export type ProbeReply = z.infer<typeof ProbeReply>;
