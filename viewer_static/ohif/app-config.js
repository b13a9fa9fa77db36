// Configuration of OHIF within Sans Film. Runs before OHIF's bundle, under a CSP without inline scripts, so it also
// holds the two globals that OHIF's own index.html sets inline.
window.PUBLIC_URL = "/ohif/";
console.time("scriptToView"); // OHIF ends this timer once it shows
window.browserImportFunction = (module) => import(module);

(() => {
  const LANGUAGE_KEY = "i18nextLng"; // shared with the portal (src/i18n.ts): one choice of language for both
  const language = (localStorage.getItem(LANGUAGE_KEY) ?? "fr").startsWith("en") ? "en-US" : "fr";
  localStorage.setItem(LANGUAGE_KEY, language);
  // biome-ignore lint/suspicious/noDocumentCookie: OHIF keeps the language in a cookie too, and believes that one first
  document.cookie = `i18next=${language}; path=/; SameSite=Strict`;
  document.documentElement.lang = language;
  const worklist = language === "fr" ? "Liste de travail" : "Worklist";

  // An expired session leads to the sign-in page and back to this very study.
  let leaving = false;
  function signInAgain() {
    if (leaving) return;
    leaving = true;
    const here = location.pathname + location.search;
    location.assign(`/sign-in?return=${encodeURIComponent(here)}&reason=expired`);
  }

  // A viewer that is looked at is in use, even when it loads nothing: asking prolongs the session.
  setInterval(async () => {
    if (document.visibilityState !== "visible") return;
    const answer = await fetch("/api/session", { credentials: "same-origin" }).catch(() => undefined);
    if (answer?.status === 401) signInAgain();
  }, 5 * 60_000);

  // Some senders write a Pixel Spacing of zero, by which OHIF would scale the image to nothing: it is taken as unknown,
  // as if it were not there.
  const unknownSpacing = {
    id: "sans-film.unknown-spacing",
    preRegistration: () => {
      const { metaData } = window.cornerstone;
      const isUsable = ({ rowPixelSpacing, columnPixelSpacing }) => rowPixelSpacing > 0 && columnPixelSpacing > 0;
      const unknown = { pixelSpacing: [1, 1], rowPixelSpacing: 1, columnPixelSpacing: 1, usingDefaultValues: true };
      let isAsking = false;
      const withoutZero = (type, imageId) => {
        if (isAsking || !["imagePlaneModule", "calibratedPixelSpacing"].includes(type)) return undefined;
        let found;
        isAsking = true;
        try {
          found = metaData.get(type, imageId);
        } finally {
          isAsking = false;
        }
        if (!found || isUsable(found)) return undefined; // the other providers answer
        return type === "imagePlaneModule" ? { ...found, ...unknown } : null;
      };
      metaData.addProvider(withoutZero, 100_000);
    },
  };

  window.config = {
    name: "sans-film",
    routerBasename: "/ohif",
    showStudyList: false,
    showErrorDetails: "production",
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: false,
    maxNumberOfWebWorkers: 3,
    strictZSpacingForVolumeViewport: true,
    groupEnabledModesFirst: true,
    allowMultiSelectExport: false,
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 10 },
    // Whether the viewer is a medical device is the operating hospital's declaration, not a dialog of OHIF.
    investigationalUseDialog: { option: "never" },
    extensions: [unknownSpacing],
    modes: [],
    customizationService: [{ "ohif.tours": { $set: [] } }],
    whiteLabeling: {
      createLogoComponentFn: (React) =>
        React.createElement(
          "a",
          { href: "/", className: "text-white text-base whitespace-nowrap px-2", style: { textDecoration: "none" } },
          `← ${worklist}`,
        ),
    },
    defaultDataSourceName: "archive",
    dataSources: [
      {
        namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
        sourceName: "archive",
        configuration: {
          friendlyName: "Sans Film",
          name: "archive",
          qidoRoot: "/dicomweb",
          wadoRoot: "/dicomweb",
          wadoUriRoot: "/dicomweb",
          qidoSupportsIncludeField: true,
          supportsReject: false,
          supportsFuzzyMatching: true,
          supportsWildcard: true,
          imageRendering: "wadors",
          thumbnailRendering: "thumbnail",
          thumbnailRequestStrategy: "fetch",
          enableStudyLazyLoad: true,
          // `pdf` is not listed: OHIF then asks for the bulk data itself instead of navigating to a rendering.
          singlepart: "video",
          bulkDataURI: { enabled: true, relativeResolution: "instances" },
          omitQuotationForMultipartRequest: true,
        },
      },
    ],
    httpErrorHandler: (error) => {
      if (error?.status === 401) signInAgain();
    },
  };
})();
