import { expect, it } from "vitest";
import { readableAgent } from "./agent";

it.each([
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Windows"],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
    "Edge · Windows",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18 Safari/604.1",
    "Safari · iOS",
  ],
  ["curl/8.5.0", ""],
  ["", ""],
])("reads %s", (agent, expected) => {
  expect(readableAgent(agent)).toBe(expected);
});
