import { useEffect, useState } from "react";

const PREFETCHED = [1, 2, 3, -1];

export interface RenderedFrame {
  /** URL and index of the picture on screen: what is captioned is what is seen, never what is on its way. */
  shown: { url: string; index: number } | undefined;
  isLoading: boolean;
  hasFailed: boolean;
}

/** Loads the picture at `index` and keeps the last one on screen until then; then loads its neighbours. */
export function useRenderedFrame(urls: readonly string[], index: number): RenderedFrame {
  const [frame, setFrame] = useState<RenderedFrame>({ shown: undefined, isLoading: true, hasFailed: false });
  const url = urls[index];
  useEffect(() => {
    if (url === undefined) return;
    let isCurrent = true;
    const image = new Image();
    setFrame((last) => ({ ...last, isLoading: true, hasFailed: false }));
    // Not `decode()`: its promise waits for the page to be painted, and stays open where a browser paints none.
    image.onload = () => {
      if (!isCurrent) return;
      setFrame({ shown: { url, index }, isLoading: false, hasFailed: false });
      for (const step of PREFETCHED) {
        const neighbour = urls[index + step];
        if (neighbour) new Image().src = neighbour;
      }
    };
    image.onerror = () => isCurrent && setFrame({ shown: undefined, isLoading: false, hasFailed: true });
    image.src = url;
    return () => {
      isCurrent = false;
    };
  }, [url, urls, index]);
  return frame;
}
