import { queryOptions } from "@tanstack/react-query";
import { requestJson } from "./http";

export type OperationsList = "rejections" | "conflicts" | "notifications" | "queues";
export type OperationsRow = Record<string, string | number | null>;

/** One of the lists that operators watch; the queues are those of the region, the others those of a hospital. */
export function operationsQuery(list: OperationsList, hospital: string) {
  const parameters = list === "queues" ? "" : `?${new URLSearchParams({ hospital })}`;
  return queryOptions({
    queryKey: ["operations", list, list === "queues" ? "" : hospital],
    queryFn: async ({ signal }) => {
      const answer = await requestJson<Record<string, OperationsRow[]>>(`/api/operations/${list}${parameters}`, {
        signal,
      });
      return answer[list] ?? [];
    },
    enabled: list === "queues" || hospital !== "",
    refetchInterval: 10_000,
  });
}
