import { type KeyboardEvent, type PointerEvent, useEffect, useRef, type WheelEvent } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { useModalityName } from "../components/Modality";
import type { useRenderedFrame } from "./use_rendered_frame";

interface Moves {
  index: number;
  count: number;
  go: (to: number) => void;
  zoomBy: (steps: number) => void;
  onPlay: () => void;
}

function onKey(event: KeyboardEvent, { index, count, go, zoomBy, onPlay }: Moves): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const positions: Readonly<Record<string, number>> = {
    ArrowUp: index - 1,
    ArrowLeft: index - 1,
    ArrowDown: index + 1,
    ArrowRight: index + 1,
    Home: 0,
    End: count - 1,
  };
  const actions: Readonly<Record<string, () => void>> = {
    " ": onPlay,
    "+": () => zoomBy(1),
    "=": () => zoomBy(1),
    "-": () => zoomBy(-1),
  };
  const position = positions[event.key];
  const action = position === undefined ? actions[event.key] : () => go(position);
  if (!action) return;
  event.preventDefault();
  action();
}

interface PictureProps extends Moves {
  /** How many times larger than what fits. */
  zoom: number;
  rendered: ReturnType<typeof useRenderedFrame>;
  modality: string;
  description: string;
}

/** The picture on screen, with its keys; enlarged, it is moved by dragging or by its scroll bars. */
export function Picture({ rendered, modality, description, zoom, ...moves }: PictureProps) {
  const { count, index, go } = moves;
  const { t } = useTranslation();
  const modalityName = useModalityName();
  const { refetch } = useSession();
  const wheel = useRef(0);
  const pane = useRef<HTMLDivElement>(null);
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
  function onDrag(event: PointerEvent) {
    // A finger scrolls by itself.
    if (event.buttons !== 1 || event.pointerType !== "mouse") return;
    pane.current?.scrollBy(-event.movementX, -event.movementY);
  }
  useEffect(() => keepMiddle(pane.current, zoom), [zoom]);
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
        <div className="picture-pane" ref={pane} tabIndex={zoom > 1 ? 0 : undefined} onPointerMove={onDrag}>
          <img
            src={shown.url}
            data-index={shown.index}
            data-zoom={zoom}
            // The caption changes with the picture, not before it.
            decoding="sync"
            draggable={false}
            alt={t("images.alternative", { modality: modalityName(modality), series: description, position, count })}
          />
        </div>
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

/** Scrolls to where the middle stays in the middle when the size changes. */
function keepMiddle(pane: HTMLElement | null, zoom: number): void {
  if (!pane || zoom === 1) return;
  pane.scrollTo((pane.scrollWidth - pane.clientWidth) / 2, (pane.scrollHeight - pane.clientHeight) / 2);
}
