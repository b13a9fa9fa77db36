import { expect, it } from "vitest";
import en from "./en.json";
import fr from "./fr.json";

/** Keys without their plural endings, which differ between languages. */
function keys(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === "object" ? keys(inner, `${prefix}${name}.`) : [prefix + name.replace(/_(one|many|other)$/, "")],
  );
}

it("says the same things in both languages", () => {
  expect([...new Set(keys(en))].sort()).toEqual([...new Set(keys(fr))].sort());
});
