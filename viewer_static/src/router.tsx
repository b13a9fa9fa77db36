import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { sessionQuery } from "./api/session";
import { SessionUnknown, SignedIn } from "./components/SignedIn";
import { Home } from "./pages/Home";
import { NotFound } from "./pages/NotFound";
import { SignIn } from "./pages/SignIn";
import { StudyPage } from "./pages/Study";

const rootRoute = createRootRouteWithContext<{ queryClient: QueryClient }>()({ notFoundComponent: NotFound });

export interface SignInSearch {
  /** Path on this host to go to once signed in. */
  return?: string;
  reason?: (typeof REASONS)[number];
}

/** The line that one came to contest. */
interface DisputesSearch {
  invoice?: string;
  accession?: string;
}

/** Why somebody is asked to sign in, or could not. */
const REASONS = ["expired", "provider-refused", "provider-unavailable", "not-allowed", "too-many-attempts"] as const;

function reasonOf(reason: unknown): Pick<SignInSearch, "reason"> {
  const known = REASONS.find((one) => one === reason);
  return known ? { reason: known } : {};
}

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  component: SignIn,
  validateSearch: (search): SignInSearch => ({
    ...(typeof search.return === "string" ? { return: search.return } : {}),
    ...reasonOf(search.reason),
  }),
});

const patientRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/patient",
  component: lazyRouteComponent(() => import("./pages/PatientSignIn"), "PatientSignIn"),
});

const signedInRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "signed-in",
  component: SignedIn,
  errorComponent: SessionUnknown,
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { return: location.href } });
  },
});

const homeRoute = createRoute({ getParentRoute: () => signedInRoute, path: "/", component: Home });
const studyRoute = createRoute({ getParentRoute: () => signedInRoute, path: "/studies/$study", component: StudyPage });
const seriesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/studies/$study/series/$series",
  component: lazyRouteComponent(() => import("./pages/Images"), "ImagesPage"),
});
const documentRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/studies/$study/series/$series/instances/$instance",
  component: lazyRouteComponent(() => import("./pages/Document"), "DocumentPage"),
});
const openShareRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/partage",
  component: lazyRouteComponent(() => import("./pages/OpenShare"), "OpenSharePage"),
});
const sharesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/shares",
  component: lazyRouteComponent(() => import("./pages/Shares"), "SharesPage"),
});
const hospitalSharesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/hospital-shares",
  component: lazyRouteComponent(() => import("./pages/SharesOfOthers"), "HospitalSharesPage"),
});
const ledgerRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/ledger",
  component: lazyRouteComponent(() => import("./pages/Ledger"), "LedgerPage"),
});
const dashboardRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/dashboard",
  component: lazyRouteComponent(() => import("./pages/Dashboard"), "DashboardPage"),
});
const disputesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/disputes",
  component: lazyRouteComponent(() => import("./pages/Disputes"), "DisputesPage"),
  validateSearch: (search): DisputesSearch => ({
    ...(typeof search.invoice === "string" ? { invoice: search.invoice } : {}),
    // A number that consists of digits comes as a number.
    ...(search.accession === undefined ? {} : { accession: String(search.accession) }),
  }),
});
const deskRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/desk",
  component: lazyRouteComponent(() => import("./pages/Desk"), "DeskPage"),
});
const accessRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/access",
  component: lazyRouteComponent(() => import("./pages/Access"), "AccessPage"),
});
const trailRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/trail",
  component: lazyRouteComponent(() => import("./pages/Trail"), "TrailPage"),
});
const ownTrailRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/who-looked",
  component: lazyRouteComponent(() => import("./pages/OwnTrail"), "OwnTrailPage"),
});
const sessionsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/sessions",
  component: lazyRouteComponent(() => import("./pages/Sessions"), "SessionsPage"),
});
const emergencyAccessesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/emergency-accesses",
  component: lazyRouteComponent(() => import("./pages/BreakGlassReview"), "BreakGlassReviewPage"),
});
const operationsRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/operations",
  component: lazyRouteComponent(() => import("./pages/Operations"), "OperationsPage"),
});

const machinesRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/machines",
  component: lazyRouteComponent(() => import("./pages/Machines"), "MachinesPage"),
});
const identityProvidersRoute = createRoute({
  getParentRoute: () => signedInRoute,
  path: "/identity-providers",
  component: lazyRouteComponent(() => import("./pages/IdentityProviders"), "IdentityProvidersPage"),
});

const routeTree = rootRoute.addChildren([
  signInRoute,
  patientRoute,
  openShareRoute,
  signedInRoute.addChildren([
    homeRoute,
    studyRoute,
    seriesRoute,
    documentRoute,
    sharesRoute,
    hospitalSharesRoute,
    sessionsRoute,
    ledgerRoute,
    dashboardRoute,
    disputesRoute,
    operationsRoute,
    machinesRoute,
    identityProvidersRoute,
    deskRoute,
    accessRoute,
    trailRoute,
    ownTrailRoute,
    emergencyAccessesRoute,
  ]),
]);

export function createPortalRouter(queryClient: QueryClient) {
  return createRouter({ routeTree, context: { queryClient }, scrollRestoration: true });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createPortalRouter>;
  }
}
