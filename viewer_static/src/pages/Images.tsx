import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useMemo, useRef, useState, type WheelEvent } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { useModalityName } from "../components/Modality";
import { Loading, Page } from "../components/Page";
import { Tag, text } from "../dicomweb/json_model";
import { instancesQuery, seriesQuery } from "../dicomweb/qido";
import { framesOf, kindOfInstance, renderedUrl, type Window } from "../dicomweb/wado";
import { DocumentLinks } from "./DocumentLinks";
import { useRenderedFrame } from "./use_rendered_frame";

const SIZES_PX = [512, 768, 1024, 1536];
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

function pictureSizePx(): number {
  const wanted = Math.min(window.innerWidth, window.innerHeight) * Math.min(window.devicePixelRatio, 2);
  return SIZES_PX.find((size) => size >= wanted) ?? 1536;
}

function Frames({ study, series, instances, modality, description }: FramesProps) {
  const { t } = useTranslation();
  const frames = useMemo(() => framesOf(instances), [instances]);
  const [index, setIndex] = useState(() => Math.floor((frames.length - 1) / 2));
  const [windowName, setWindowName] = useState("default");
  const [isPlaying, setPlaying] = useState(false);
  const urls = useMemo(() => {
    const chosen = CT_WINDOWS.find(({ name }) => name === windowName)?.window;
    const size = pictureSizePx();
    return frames.map((frame) => renderedUrl(study, series, frame, size, chosen));
  }, [frames, study, series, windowName]);
  const rendered = useRenderedFrame(urls, index);
  const count = frames.length;
  const go = (to: number) => setIndex(Math.max(0, Math.min(count - 1, to)));

  useEffect(() => {
    // The next picture is asked for once the last one is on screen, so a slow network slows the film, not the page.
    if (!isPlaying || rendered.isLoading || count < 2) return;
    const timer = setTimeout(() => setIndex((index + 1) % count), PLAY_INTERVAL_MS);
    return () => clearTimeout(timer);
  }, [isPlaying, rendered.isLoading, index, count]);

  if (count === 0) return <p className="empty">{t("images.none")}</p>;
  return (
    <div className="frames">
      <Picture {...{ rendered, modality, description, count, go, index }} onPlay={() => setPlaying(!isPlaying)} />
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

interface Moves {
  index: number;
  count: number;
  go: (to: number) => void;
  onPlay: () => void;
}

function onKey(event: KeyboardEvent, { index, count, go, onPlay }: Moves): void {
  const positions: Readonly<Record<string, number>> = {
    ArrowUp: index - 1,
    ArrowLeft: index - 1,
    ArrowDown: index + 1,
    ArrowRight: index + 1,
    Home: 0,
    End: count - 1,
  };
  const position = positions[event.key];
  if (position === undefined && event.key !== " ") return;
  event.preventDefault();
  if (position === undefined) onPlay();
  else go(position);
}

interface PictureProps extends Moves {
  rendered: ReturnType<typeof useRenderedFrame>;
  modality: string;
  description: string;
}

function Picture({ rendered, modality, description, ...moves }: PictureProps) {
  const { count, index, go } = moves;
  const { t } = useTranslation();
  const modalityName = useModalityName();
  const { refetch } = useSession();
  const wheel = useRef(0);
  const { shown, isLoading, hasFailed } = rendered;
  useEffect(() => {
    // A picture does not say why it failed; an expired session is the likeliest cause.
    if (hasFailed) void refetch();
  }, [hasFailed, refetch]);
  function onWheel(event: WheelEvent) {
    wheel.current += event.deltaY;
    if (Math.abs(wheel.current) < 40) return;
    go(index + Math.sign(wheel.current));
    wheel.current = 0;
  }
  const position = (shown?.index ?? index) + 1;
  return (
    <figure
      className="picture"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys of the image work where it has the focus
      tabIndex={0}
      aria-busy={isLoading}
      onWheel={onWheel}
      onKeyDown={(event) => onKey(event, moves)}
    >
      {shown && (
        <img
          src={shown.url}
          data-index={shown.index}
          alt={t("images.alternative", { modality: modalityName(modality), series: description, position, count })}
        />
      )}
      {hasFailed && (
        <p className="message message-error" role="alert">
          {t("images.failed")}
        </p>
      )}
      <figcaption>{t("images.position", { position, count })}</figcaption>
    </figure>
  );
}
