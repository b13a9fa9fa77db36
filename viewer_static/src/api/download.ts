/** An exam as a ZIP file: asked for until the archive has made it, then given to the browser to keep. */

import { failureOf, RequestFailed } from "./http";

const LONGEST_WAIT_MS = 10_000;

/** Address of a study as a ZIP file. */
export function zipUrl(study: string, hospital = ""): string {
  const query = new URLSearchParams({ accept: "application/zip", ...(hospital && { hospital }) });
  return `/dicomweb/studies/${encodeURIComponent(study)}?${query}`;
}

/**
 * Waits until a ZIP file is there. A big one is made within the first request, a very big one by a function, which the
 * archive says by Retry-After.
 *
 * @throws {RequestFailed} if it cannot be had.
 */
export async function waitForZip(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const response = await ask(url, signal);
    // Nobody reads the body here: the browser asks once more, and saves what it gets.
    void response.body?.cancel();
    if (response.type === "opaqueredirect" || response.ok) return;
    const failure = failureOf(response);
    if (failure.kind !== "unavailable" || failure.retryAfterSeconds === undefined) throw failure;
    await pause(Math.min(failure.retryAfterSeconds * 1000, LONGEST_WAIT_MS), signal);
  }
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { credentials: "same-origin", redirect: "manual", signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new RequestFailed("network");
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
