/** OpenID providers by which professionals sign in, as operators register them. */

import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export const CLAIMS = ["pro-sante-connect", "groups"] as const;
export const AUTHENTICATIONS = ["client_secret_basic", "client_secret_post", "private_key_jwt"] as const;
export const ALGORITHMS = ["RS256", "PS256", "ES256"] as const;
export const RULE_ROLES = ["radiologist", "gp", "pacs-manager", "desk", "finance", "privacy-officer"] as const;
export type RuleRole = (typeof RULE_ROLES)[number];

/** Whoever has all of these facts gets the role. */
export interface RoleRule {
  facts: string[];
  role: RuleRole;
  /** Absent for `gp` alone. */
  hospital?: string;
}

export interface ProviderProperties {
  name: string;
  issuer: string;
  client_id: string;
  /** Where it is in Secrets Manager, never itself. */
  secret: string;
  claims: (typeof CLAIMS)[number];
  rules: RoleRule[];
  authentication: (typeof AUTHENTICATIONS)[number];
  scopes: string;
  acr_values: string;
  algorithms: (typeof ALGORITHMS)[number][];
  subject_claim: string;
  name_claim: string;
  groups_claim: string;
  enabled: boolean;
}

export interface Provider extends ProviderProperties {
  id: string;
  revision: string;
  redirect_uri: string;
}

export const providersQuery = queryOptions({
  queryKey: ["registered-identity-providers"],
  queryFn: async ({ signal }) => {
    const path = "/api/operations/identity-providers";
    return (await requestJson<{ identity_providers: Provider[] }>(path, { signal })).identity_providers;
  },
});

const path = (id: string) => `/api/identity-providers/${encodeURIComponent(id)}`;

/** Register a provider, or replace one in the revision that was read. */
export function putProvider(id: string, properties: ProviderProperties, revision?: string): Promise<Provider> {
  return requestJson<Provider>(path(id), {
    method: "PUT",
    headers: { "Content-Type": "application/json", ...(revision ? { "If-Match": `"${revision}"` } : {}) },
    body: JSON.stringify(properties),
  });
}

export async function removeProvider(provider: Provider): Promise<void> {
  await request(path(provider.id), { method: "DELETE", headers: { "If-Match": `"${provider.revision}"` } });
}
