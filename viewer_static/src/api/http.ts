/** Requests to the platform, by the session's cookie, and the failures that a person can be told about. */

export type FailureKind =
  | "network"
  | "unauthenticated"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "too-much"
  | "too-many-attempts"
  | "bad-request"
  | "unavailable"
  | "unexpected";

const KIND_OF_STATUS: Readonly<Record<number, FailureKind>> = {
  400: "bad-request",
  401: "unauthenticated",
  403: "forbidden",
  404: "not-found",
  409: "conflict",
  412: "conflict",
  413: "too-much",
  428: "conflict",
  429: "too-many-attempts",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

const PATIENCE_MS = 30_000;

/** A request that was not answered as hoped. */
export class RequestFailed extends Error {
  readonly kind: FailureKind;
  /** Seconds to wait before the next attempt, where the platform said so. */
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: FailureKind, retryAfterSeconds?: number) {
    super(kind);
    this.name = "RequestFailed";
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function failureOf(response: Response): RequestFailed {
  const retryAfter = Number(response.headers.get("Retry-After"));
  return new RequestFailed(KIND_OF_STATUS[response.status] ?? "unexpected", retryAfter > 0 ? retryAfter : undefined);
}

/** @throws {RequestFailed} unless the platform answers with a 2xx status. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    const signals = [AbortSignal.timeout(PATIENCE_MS), ...(init.signal ? [init.signal] : [])];
    response = await fetch(path, { credentials: "same-origin", ...init, signal: AbortSignal.any(signals) });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestFailed("network");
  }
  if (!response.ok) {
    // An answer that nobody reads keeps its connection, and the page never counts as loaded.
    void response.body?.cancel();
    throw failureOf(response);
  }
  return response;
}

export async function requestJson<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = { Accept: "application/json", ...init.headers };
  const response = await request(path, { ...init, headers });
  try {
    return (await response.json()) as T;
  } catch {
    throw new RequestFailed("unexpected");
  }
}
