/** Machines of a hospital: systems that sign in by themselves (OAuth2 client credentials). */

import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export const SERVICES = ["store", "query", "retrieve"] as const;
export type Service = (typeof SERVICES)[number];

export interface MachineSecret {
  created_at: string;
  /** null: until it is replaced. */
  expires_at: string | null;
}

export interface Machine {
  client_id: string;
  name: string;
  services: Service[];
  created_at: string;
  /** The newest first. */
  secrets: MachineSecret[];
}

/** The one answer that holds a machine's new secret. */
export interface MachineWithSecret extends Machine {
  client_secret: string;
}

const path = (hospital: string) => `/api/hospitals/${encodeURIComponent(hospital)}/machines`;
const pathOf = (hospital: string, machine: Machine) => `${path(hospital)}/${encodeURIComponent(machine.client_id)}`;

export function machinesQuery(hospital: string) {
  return queryOptions({
    queryKey: ["machines", hospital],
    queryFn: async ({ signal }) => (await requestJson<{ machines: Machine[] }>(path(hospital), { signal })).machines,
    enabled: hospital !== "",
  });
}

const post = (address: string, content: object) =>
  requestJson<MachineWithSecret>(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });

export const createMachine = (hospital: string, name: string, services: readonly Service[]) =>
  post(path(hospital), { name, services });

/** A new secret; the one before stays good for so many seconds. */
export const rotateSecret = (hospital: string, machine: Machine, previousValidSeconds: number) =>
  post(`${pathOf(hospital, machine)}/secrets`, { previous_valid_s: previousValidSeconds });

export async function revokeMachine(hospital: string, machine: Machine): Promise<void> {
  await request(pathOf(hospital, machine), { method: "DELETE" });
}
