/** What the form of an identity provider holds, and what is sent of it. */

import type { Provider, ProviderProperties, RoleRule, RuleRole } from "../api/identity_providers";

/** A rule as it is written: its facts in one line, separated by commas. */
export interface RuleEntry {
  key: number;
  facts: string;
  role: RuleRole;
  hospital: string;
}

export type Entries = Omit<ProviderProperties, "rules">;

const NEW: Entries = {
  name: "",
  issuer: "https://",
  client_id: "",
  secret: "sansfilm/oidc/",
  claims: "groups",
  authentication: "client_secret_basic",
  scopes: "openid",
  acr_values: "",
  algorithms: ["RS256"],
  subject_claim: "sub",
  name_claim: "name",
  groups_claim: "groups",
  enabled: true,
};

/** What a provider is known by, or a new one begins with. */
export function entriesOf(provider: Provider | undefined): Entries {
  const names = Object.keys(NEW) as (keyof Entries)[];
  return provider ? (Object.fromEntries(names.map((name) => [name, provider[name]])) as unknown as Entries) : NEW;
}

/** Claims, scopes and level of assurance of Pro Santé Connect are its own (`scope_all`, `eidas1`). */
export function withClaims(entries: Entries, claims: Entries["claims"]): Entries {
  if (claims === entries.claims) return entries;
  const own = claims === "pro-sante-connect" ? ["openid scope_all", "eidas1"] : ["openid", ""];
  return { ...entries, claims, scopes: own[0] ?? "openid", acr_values: own[1] ?? "" };
}

export const rulesOf = (provider: Provider | undefined): RuleEntry[] =>
  (provider?.rules ?? []).map((rule, key) => ({
    key,
    facts: rule.facts.join(", "),
    role: rule.role,
    hospital: rule.hospital ?? "",
  }));

/** A rule as it is sent. */
export function ruleOf({ facts, role, hospital }: RuleEntry): RoleRule {
  const named = [...new Set(facts.split(",").map((fact) => fact.trim()))].filter(Boolean);
  return { facts: named, role, ...(hospital ? { hospital } : {}) };
}

/** Whether a rule says who becomes what: only general practitioners may act for no hospital. */
export function isComplete(rule: RuleEntry): boolean {
  return ruleOf(rule).facts.length > 0 && (rule.role === "gp" || rule.hospital !== "");
}

/** Rules with one of them moved up (-1) or down (1): the first that fits decides. */
export function moved(rules: readonly RuleEntry[], index: number, by: -1 | 1): RuleEntry[] {
  const [one, other] = [rules[index], rules[index + by]];
  if (!one || !other) return [...rules];
  return rules.map((rule, at) => (at === index ? other : at === index + by ? one : rule));
}
