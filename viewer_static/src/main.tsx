import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { I18nProvider } from "react-aria-components";
import { createRoot } from "react-dom/client";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "./api/http";
import { SESSION_KEY } from "./api/session";
import { startLanguages } from "./i18n";
import { createPortalRouter } from "./router";
import "./styles/index.css";

const TRANSIENT = new Set(["network", "unavailable"]);

const queryClient = new QueryClient({
  queryCache: new QueryCache({
    // Whichever request first meets the end of the session, the whole portal goes to the sign-in page.
    onError: (error) => {
      if (error instanceof RequestFailed && error.kind === "unauthenticated")
        queryClient.setQueryData(SESSION_KEY, null);
    },
  }),
  defaultOptions: {
    queries: {
      retry: (count, error) => error instanceof RequestFailed && TRANSIENT.has(error.kind) && count < 1,
      // The browser's own idea of being offline is often wrong on hospital networks: ask, and say what happened.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

const router = createPortalRouter(queryClient);

function Portal() {
  const { i18n } = useTranslation();
  return (
    <I18nProvider locale={i18n.language}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </I18nProvider>
  );
}

await startLanguages();
const root = document.getElementById("root");
if (!root) throw new Error("no root element");
createRoot(root).render(
  <StrictMode>
    <Portal />
  </StrictMode>,
);
