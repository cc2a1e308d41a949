/**
 * Branded identifiers: a value of one kind can't be passed where another is meant. Each is made in one place,
 * from GitHub's numbers or from the runtime's id generator, and is a bare value only outside this process.
 */
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** GitHub's numeric id of the organisation or user that owns repositories and credentials: the tenant. */
export type OwnerId = Brand<number, "OwnerId">;
export type RepositoryId = Brand<number, "RepositoryId">;
export type InstallationId = Brand<number, "InstallationId">;
export type ActorId = Brand<number, "ActorId">;
/** A workflow run's id, GitHub's. */
export type RunId = Brand<number, "RunId">;
/** GitHub's id of a webhook delivery, `X-GitHub-Delivery`. The same delivery sent again has the same id. */
export type DeliveryId = Brand<string, "DeliveryId">;
export type TaskId = Brand<string, "TaskId">;
export type TrialId = Brand<string, "TrialId">;
export type AttemptId = Brand<string, "AttemptId">;
/**
 * Visible to anyone who reads the runner repository: it is the dispatch's input `attempt`, part of the run's name, and in the
 * addresses the job calls.
 */
export type LeaseId = Brand<string, "LeaseId">;
/** The alias of a pool entry, and the name of the GitHub environment that holds its key. */
export type CredentialName = Brand<string, "CredentialName">;

export const OwnerId = (value: number): OwnerId => value as OwnerId;
export const RepositoryId = (value: number): RepositoryId => value as RepositoryId;
export const InstallationId = (value: number): InstallationId => value as InstallationId;
export const ActorId = (value: number): ActorId => value as ActorId;
export const RunId = (value: number): RunId => value as RunId;
export const DeliveryId = (value: string): DeliveryId => value as DeliveryId;
export const TaskId = (value: string): TaskId => value as TaskId;
export const TrialId = (value: string): TrialId => value as TrialId;
export const AttemptId = (value: string): AttemptId => value as AttemptId;
export const LeaseId = (value: string): LeaseId => value as LeaseId;
export const CredentialName = (value: string): CredentialName => value as CredentialName;
