import { queryOptions } from "@tanstack/react-query";
import { requestJson } from "./http";

export interface Hospital {
  id: string;
  name: string;
}

export const hospitalsQuery = queryOptions({
  queryKey: ["hospitals"],
  queryFn: async ({ signal }) => (await requestJson<{ hospitals: Hospital[] }>("/api/hospitals", { signal })).hospitals,
  staleTime: 300_000,
});
