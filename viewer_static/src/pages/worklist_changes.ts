/** What changed between two answers of the same search: arrivals, and studies that are still growing. */

import { type DicomJson, number, Tag, text } from "../dicomweb/json_model";

/** A study whose count has not changed for this long is no longer shown as being received. */
export const SETTLED_AFTER_MS = 12_000;

interface Seen {
  instances: number;
  changedAt: number;
}

export interface WorklistChanges {
  seen: ReadonlyMap<string, Seen>;
  /** Studies that were not in the first answer. */
  arrived: ReadonlySet<string>;
  receiving: ReadonlySet<string>;
}

export const NOTHING_SEEN: WorklistChanges = { seen: new Map(), arrived: new Set(), receiving: new Set() };

/** Take in the answer of `now` (milliseconds); the first answer is the baseline. */
export function observe(previous: WorklistChanges, studies: DicomJson[], now: number): WorklistChanges {
  const isBaseline = previous === NOTHING_SEEN;
  const seen = new Map(previous.seen);
  const arrived = new Set(previous.arrived);
  for (const study of studies) {
    const uid = text(study, Tag.StudyInstanceUID);
    const instances = number(study, Tag.NumberOfStudyRelatedInstances) ?? 0;
    const known = previous.seen.get(uid);
    if (!known) {
      seen.set(uid, { instances, changedAt: isBaseline ? Number.NEGATIVE_INFINITY : now });
      if (!isBaseline) arrived.add(uid);
    } else if (known.instances !== instances) {
      seen.set(uid, { instances, changedAt: now });
    }
  }
  const growing = [...seen].filter(([, { changedAt }]) => now - changedAt < SETTLED_AFTER_MS).map(([uid]) => uid);
  return { seen, arrived, receiving: new Set(growing) };
}
