import { useEffect } from "react";

const DESKTOP = "(min-width: 761px)";

/** Fetches OHIF's scripts into the browser's cache while the worklist is read, where OHIF is offered (desktops). */
export function useViewerPrefetch(isReady: boolean): void {
  useEffect(() => {
    if (!isReady || !window.matchMedia(DESKTOP).matches) return;
    // After the page itself has settled; Safari has no requestIdleCallback.
    const timer = setTimeout(() => void prefetch(), 1_000);
    return () => clearTimeout(timer);
  }, [isReady]);
}

async function prefetch(): Promise<void> {
  if (document.head.querySelector("link[rel=prefetch]")) return;
  const scripts = await fetch("/ohif/loaded_first.json")
    .then((answer) => answer.json() as Promise<string[]>)
    .catch(() => []);
  for (const href of scripts) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "prefetch", as: "script", href }));
  }
}
