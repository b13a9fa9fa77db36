import type { TFunction } from "i18next";
import type { AuditEvent, AuditPage } from "../api/audit";
import { readableDay as readableDicomDay } from "../dicomweb/json_model";

/** A page in the order in which things happened: events are filed by the quarter of an hour. */
export function newestFirst(events: AuditEvent[]): AuditEvent[] {
  return events.toSorted((one, other) => (one.when < other.when ? 1 : -1));
}

/** Who did it: a name, else what is known. */
export function whoDid(event: AuditEvent, t: TFunction): string {
  const { name, subject, role } = event.who;
  if (role === "patient") return t("trail.you");
  if (role === "proxy") return t("trail.proxyNamed", { name });
  if (role === "guest") return name ? t("trail.guestNamed", { name }) : t("trail.guest");
  return name || subject.replace(/^ae:/, "") || t("trail.stranger");
}

/** In which role, and where. */
export function inWhichRole(event: AuditEvent, hospitals: Record<string, string>, t: TFunction): string {
  const { role, hospital, organization } = event.who;
  const place = organization || hospitals[hospital] || hospital;
  const named = role ? t(`trail.roles.${role}`, { defaultValue: role }) : "";
  return [role === "patient" ? "" : named, place].filter(Boolean).join(", ");
}

/** What was done, in a sentence's words. */
export function whatWasDone(event: AuditEvent, t: TFunction): string {
  return t(`trail.actions.${event.action}`, { defaultValue: event.action });
}

/** Why that was possible; "" where the event does not say. */
export function why(event: AuditEvent, t: TFunction): string {
  const basis = event.detail.basis;
  if (event.who.role === "application-entity") return t("trail.basis.machine");
  return typeof basis === "string" && basis ? t(`trail.basis.${basis}`, { defaultValue: "" }) : "";
}

/** The exam of an event as its reader may see it; "" where it has none. */
export function examOf(
  event: AuditEvent,
  studies: AuditPage["studies"],
  modalityName: (code: string) => string,
  t: TFunction,
  language: string,
): string {
  if (!event.study_instance_uid) return "";
  const study = studies.find(
    (each) => each.study_instance_uid === event.study_instance_uid && each.hospital === event.chain,
  );
  if (!study) return t("trail.oneExam");
  const title = study.description || study.modalities.map(modalityName).join(", ") || t("worklist.noDescription");
  return [title, readableDicomDay(study.study_date, language)].filter(Boolean).join(" · ");
}
