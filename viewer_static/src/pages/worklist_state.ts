import { useSyncExternalStore } from "react";
import { NO_CRITERIA, type StudyCriteria } from "../dicomweb/qido";

export interface WorklistState {
  criteria: StudyCriteria;
  /** Counted from 0. */
  page: number;
}

// In memory alone: names and numbers of patients belong neither in an address, nor in the browser's history or storage.
let state: WorklistState = { criteria: NO_CRITERIA, page: 0 };
const listeners = new Set<() => void>();

export function setWorklistState(next: WorklistState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** What the worklist shows; it survives a visit to a study and back. */
export function useWorklistState(): WorklistState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}
