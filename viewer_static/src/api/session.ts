import { queryOptions, useQuery } from "@tanstack/react-query";
import { RequestFailed, request, requestJson } from "./http";

export type Permission =
  | "read-images"
  | "store-instances"
  | "read-ledger"
  | "register-contacts"
  | "hand-over-codes"
  | "present-codes"
  | "manage-grants"
  | "decide-for-oneself"
  | "manage-second-factors"
  | "mark-documents"
  | "read-audit"
  | "declare-care"
  | "open-priors"
  | "break-glass"
  | "review-break-glass"
  | "operate"
  | "manage-accounts"
  | "share"
  | "end-shares";

export interface Session {
  display_name: string;
  role: string;
  hospital: { id: string; name: string } | null;
  permissions: Permission[];
  expires_at: string;
  /** RPPS, and the place of work that was signed in for. */
  professional_id?: string;
  organization?: string;
}

export const SESSION_KEY = ["session"] as const;

/** The session, or null where nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: SESSION_KEY,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return await requestJson<Session>("/api/session", { signal });
    } catch (error) {
      if (error instanceof RequestFailed && error.kind === "unauthenticated") return null;
      throw error;
    }
  },
  staleTime: 60_000,
  // A page that is open is in use: asking is what prolongs its session.
  refetchInterval: 5 * 60_000,
  refetchOnWindowFocus: "always",
});

export interface IdentityProvider {
  id: string;
  name: string;
}

/** What one may sign in with besides a password. */
export const identityProvidersQuery = queryOptions({
  queryKey: ["identity-providers"],
  queryFn: async ({ signal }): Promise<IdentityProvider[]> => {
    const answer = await requestJson<{ identity_providers: IdentityProvider[] }>("/api/identity-providers", { signal });
    return answer.identity_providers;
  },
  staleTime: Number.POSITIVE_INFINITY,
});

export function useSession() {
  return useQuery(sessionQuery);
}

export function signIn(username: string, password: string): Promise<Session> {
  return requestJson<Session>("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
}

/** End the session; one that has already ended counts as ended. */
export async function signOut(): Promise<void> {
  try {
    await request("/api/session", { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof RequestFailed && error.kind === "unauthenticated")) throw error;
  }
}
