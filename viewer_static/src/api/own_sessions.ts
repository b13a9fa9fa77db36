import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export interface OwnSession {
  id: string;
  /** `password`, `code`, or an identity provider's id. */
  way: string;
  address: string;
  agent: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  is_current: boolean;
}

export const ownSessionsQuery = queryOptions({
  queryKey: ["own-sessions"],
  queryFn: async ({ signal }): Promise<OwnSession[]> => {
    return (await requestJson<{ sessions: OwnSession[] }>("/api/sessions", { signal })).sessions;
  },
});

export async function endOwnSession(id: string): Promise<void> {
  await request(`/api/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export async function endOtherSessions(): Promise<void> {
  await request("/api/sessions", { method: "DELETE" });
}
