import { afterEach, describe, expect, it, vi } from "vitest";
import { waitForZip, zipUrl } from "./download";

const answers = (...given: Partial<Response>[]) => {
  const asked = vi.fn(async () => ({ headers: new Headers(), ok: false, ...given.shift() }) as Response);
  vi.stubGlobal("fetch", asked);
  return asked;
};
const preparing = { status: 503, headers: new Headers({ "Retry-After": "0.001" }) };

afterEach(() => vi.unstubAllGlobals());

describe("a ZIP file", () => {
  it("is named by study and hospital", () => {
    expect(zipUrl("1.2", "nord")).toBe("/dicomweb/studies/1.2?accept=application%2Fzip&hospital=nord");
  });
  it("is asked for until it is there", async () => {
    const asked = answers(preparing, preparing, { type: "opaqueredirect", status: 0 });
    await waitForZip("/zip", new AbortController().signal);
    expect(asked).toHaveBeenCalledTimes(3);
  });
  it("is not asked for again where it is refused, or nobody says when", async () => {
    for (const [status, kind] of [
      [403, "forbidden"],
      [413, "too-much"],
      [503, "unavailable"],
    ] as const) {
      answers({ status });
      await expect(waitForZip("/zip", new AbortController().signal)).rejects.toMatchObject({ kind });
    }
  });
  it("is not waited for any longer once nobody wants it", async () => {
    answers({ status: 503, headers: new Headers({ "Retry-After": "60" }) });
    const wanted = new AbortController();
    const waiting = waitForZip("/zip", wanted.signal);
    setTimeout(() => wanted.abort(), 1);
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });
});
