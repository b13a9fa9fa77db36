import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { Tag, text } from "../dicomweb/json_model";
import { instancesQuery, seriesQuery } from "../dicomweb/qido";
import { framesOf, kindOfInstance, renderedUrl, type Window } from "../dicomweb/wado";
import { DocumentLinks } from "./DocumentLinks";
import { Picture } from "./Picture";
import { useRenderedFrame } from "./use_rendered_frame";

const SIZES_PX = [512, 768, 1024, 1536];
const ZOOMS = [1, 1.5, 2, 3, 4] as const;
const PLAY_INTERVAL_MS = 150;
const CT_WINDOWS: readonly { name: string; window: Window }[] = [
  { name: "soft", window: { center: 40, width: 400 } },
  { name: "lung", window: { center: -600, width: 1500 } },
  { name: "bone", window: { center: 400, width: 1800 } },
  { name: "brain", window: { center: 40, width: 80 } },
];

/** The images of a series as the archive renders them: for phones, and for those who do not use a mouse. */
export function ImagesPage() {
  const { t } = useTranslation();
  const { study, series } = useParams({ from: "/signed-in/studies/$study/series/$series" });
  const { data: allSeries = [] } = useQuery(seriesQuery(study));
  const { data: instances, error, refetch } = useQuery(instancesQuery(study, series));
  const attributes = allSeries.find((one) => text(one, Tag.SeriesInstanceUID) === series) ?? {};
  const description = text(attributes, Tag.SeriesDescription) || t("images.title");
  const back = (
    <Link to="/studies/$study" params={{ study }} className="back-link">
      ← {t("images.study")}
    </Link>
  );
  const holdsDocuments = instances?.length && instances.every((one) => kindOfInstance(one) !== "image");
  return (
    <div className="viewer">
      <Page title={description} actions={back}>
        {error && <ErrorMessage error={error} onRetry={() => refetch()} />}
        {!error && !instances && <Loading label={t("loading")} />}
        {holdsDocuments ? (
          <DocumentLinks
            study={study}
            series={{ ...attributes, [Tag.SeriesInstanceUID]: { vr: "UI", Value: [series] } }}
          />
        ) : (
          instances && (
            <Frames
              key={series}
              study={study}
              series={series}
              instances={instances}
              modality={text(attributes, Tag.Modality)}
              description={description}
            />
          )
        )}
      </Page>
    </div>
  );
}

interface FramesProps {
  study: string;
  series: string;
  instances: Parameters<typeof framesOf>[0];
  modality: string;
  description: string;
}

function pictureSizePx(zoom: number): number {
  const wanted = Math.min(window.innerWidth, window.innerHeight) * Math.min(window.devicePixelRatio, 2) * zoom;
  return SIZES_PX.find((size) => size >= wanted) ?? 1536;
}

function Frames({ study, series, instances, modality, description }: FramesProps) {
  const { t } = useTranslation();
  const frames = useMemo(() => framesOf(instances), [instances]);
  const [index, setIndex] = useState(() => Math.floor((frames.length - 1) / 2));
  const [windowName, setWindowName] = useState("default");
  const [zoomStep, setZoomStep] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const zoom = ZOOMS[zoomStep] ?? 1;
  const urls = useMemo(() => {
    const chosen = CT_WINDOWS.find(({ name }) => name === windowName)?.window;
    const size = pictureSizePx(zoom);
    return frames.map((frame) => renderedUrl(study, series, frame, size, chosen));
  }, [frames, study, series, windowName, zoom]);
  const rendered = useRenderedFrame(urls, index);
  const count = frames.length;
  const go = (to: number) => setIndex(Math.max(0, Math.min(count - 1, to)));
  const zoomBy = (steps: number) => setZoomStep(Math.max(0, Math.min(ZOOMS.length - 1, zoomStep + steps)));

  useEffect(() => {
    // The next picture is asked for once the last one is on screen, so a slow network slows the film, not the page.
    if (!isPlaying || rendered.isLoading || count < 2) return;
    const timer = setTimeout(() => setIndex((index + 1) % count), PLAY_INTERVAL_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, rendered.isLoading, index, count]);

  if (count === 0) return <p className="empty">{t("images.none")}</p>;
  return (
    <div className="frames">
      <Picture
        {...{ rendered, modality, description, count, go, index, zoom, zoomBy }}
        onPlay={() => setPlaying(!isPlaying)}
      />
      {count > 1 && (
        <div className="frames-controls">
          <Button
            className="button button-dark"
            aria-label={t("images.previous")}
            onPress={() => go(index - 1)}
            isDisabled={index === 0}
          >
            ‹
          </Button>
          <input
            type="range"
            min={1}
            max={count}
            value={index + 1}
            aria-label={t("images.slice")}
            aria-valuetext={t("images.position", { position: index + 1, count })}
            onChange={(event) => go(Number(event.target.value) - 1)}
          />
          <Button
            className="button button-dark"
            aria-label={t("images.next")}
            onPress={() => go(index + 1)}
            isDisabled={index === count - 1}
          >
            ›
          </Button>
          <Button className="button button-dark frames-play" onPress={() => setPlaying(!isPlaying)}>
            {t(isPlaying ? "images.pause" : "images.play")}
          </Button>
        </div>
      )}
      <fieldset className="zoom">
        <legend>{t("images.zoom")}</legend>
        <Button
          className="button button-dark"
          aria-label={t("images.zoomOut")}
          onPress={() => zoomBy(-1)}
          isDisabled={zoomStep === 0}
        >
          −
        </Button>
        <output>{t("images.zoomed", { zoom })}</output>
        <Button
          className="button button-dark"
          aria-label={t("images.zoomIn")}
          onPress={() => zoomBy(1)}
          isDisabled={zoomStep === ZOOMS.length - 1}
        >
          +
        </Button>
      </fieldset>
      {modality === "CT" && (
        <fieldset className="windows">
          <legend>{t("images.contrast")}</legend>
          {["default", ...CT_WINDOWS.map(({ name }) => name)].map((name) => (
            <label key={name}>
              <input type="radio" name="window" checked={windowName === name} onChange={() => setWindowName(name)} />
              <span>{t(`images.window.${name}`)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <p className="sub">{t("images.caution")}</p>
      <p className="sub desktop-only">{t("images.keys")}</p>
    </div>
  );
}
