import { expect, it } from "vitest";
import type { Provider } from "../api/identity_providers";
import { entriesOf, isComplete, moved, type RuleEntry, ruleOf, rulesOf, withClaims } from "./provider_values";

const RULES: RuleEntry[] = ["a", "b", "c"].map((facts, key) => ({ key, facts, role: "desk", hospital: "nord" }));

it("sends facts once, and a hospital where there is one", () => {
  const rule: RuleEntry = { key: 0, facts: " profession:10, ,profession:10,x ", role: "gp", hospital: "" };
  expect(ruleOf(rule)).toEqual({ facts: ["profession:10", "x"], role: "gp" });
  expect(ruleOf({ ...rule, hospital: "nord" })).toEqual({
    facts: ["profession:10", "x"],
    role: "gp",
    hospital: "nord",
  });
});

it("knows rules that do not say who becomes what", () => {
  expect(isComplete({ key: 0, facts: " , ", role: "gp", hospital: "" })).toBe(false);
  expect(isComplete({ key: 0, facts: "a", role: "desk", hospital: "" })).toBe(false);
  expect(isComplete({ key: 0, facts: "a", role: "gp", hospital: "" })).toBe(true);
});

it("moves rules within their list", () => {
  const order = (rules: RuleEntry[]) => rules.map(({ facts }) => facts).join("");
  expect(order(moved(RULES, 0, 1))).toBe("bac");
  expect(order(moved(RULES, 2, -1))).toBe("acb");
  expect(order(moved(RULES, 0, -1))).toBe("abc");
  expect(order(moved(RULES, 2, 1))).toBe("abc");
});

it("reads a provider as it is registered, without what is not its to change", () => {
  const provider = {
    ...entriesOf(undefined),
    id: "x",
    revision: "1",
    redirect_uri: "/x",
    rules: RULES.slice(0, 1).map(ruleOf),
  };
  expect(entriesOf(provider as Provider)).toEqual(entriesOf(undefined));
  expect(rulesOf(provider as Provider)).toEqual([RULES[0]]);
});

it("asks Pro Santé Connect for what it is asked for", () => {
  const psc = withClaims(entriesOf(undefined), "pro-sante-connect");
  expect([psc.scopes, psc.acr_values]).toEqual(["openid scope_all", "eidas1"]);
  expect(withClaims(psc, "groups").scopes).toBe("openid");
  expect(withClaims({ ...psc, scopes: "openid x" }, "pro-sante-connect").scopes).toBe("openid x");
});
