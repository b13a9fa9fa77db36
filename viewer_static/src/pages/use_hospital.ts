import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Hospital, hospitalsQuery } from "../api/hospitals";
import { useSession } from "../api/session";

/** The hospital that a page is about: the session's own, or one that a region-wide role chooses. */
export function useHospital() {
  const session = useSession().data;
  const isRegional = session ? session.hospital === null : false;
  const { data: hospitals = [], error } = useQuery({ ...hospitalsQuery, enabled: isRegional });
  const [chosen, choose] = useState("");
  const own: Hospital[] = session?.hospital ? [session.hospital] : [];
  const choices = isRegional ? hospitals : own;
  return { hospital: chosen || choices[0]?.id || "", choices, choose, error };
}
