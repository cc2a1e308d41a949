import type { Answer, ApiRequest, RepositoryRequest } from "../answers.ts";
import type { GitHub } from "../state.ts";

/** A route that is not of one repository. */
export type Handler = (github: GitHub, request: ApiRequest) => Answer | Promise<Answer>;
/** A route under `/repos/{owner}/{repo}`: the token covers the repository and holds the permission. */
export type RepositoryHandler = (github: GitHub, request: RepositoryRequest) => Answer | Promise<Answer>;
