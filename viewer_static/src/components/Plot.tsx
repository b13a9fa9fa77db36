import { useEffect, useId, useRef } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface PlotSeries {
  label: string;
  values: (number | null)[];
  kind: "bars" | "line" | "dashed" | "bound";
  /** A colour of tokens.css, `--teal` for instance. */
  color: string;
}

interface Props {
  title: string;
  /** What the plot says, for those who do not see it and for those who would rather read. */
  summary: string;
  /** Days (YYYY-MM-DD) or months (YYYY-MM). */
  labels: string[];
  series: PlotSeries[];
  /** A value as it is shown in the table and at the axis. */
  format: (value: number) => string;
  readableLabel: (label: string) => string;
}

const HEIGHT = 260;

/** A plot with its summary and, as an alternative, the table of its values. */
export function Plot(props: Props) {
  const { t } = useTranslation();
  const title = useId();
  const canvas = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const host = canvas.current;
    if (!host) return;
    const plot = new uPlot(optionsOf(props, host), dataOf(props), host);
    const resized = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: HEIGHT }));
    resized.observe(host);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [props]);
  return (
    <figure className="plot" aria-labelledby={title}>
      <figcaption>
        <h3 id={title}>{props.title}</h3>
        <p>{props.summary}</p>
      </figcaption>
      <ul className="plot-legend" aria-hidden="true">
        {props.series.map(({ label, kind, color }) => (
          <li key={label} className={`plot-key plot-key-${kind} plot-key${color}`}>
            {label}
          </li>
        ))}
      </ul>
      <div ref={canvas} className="plot-canvas" role="img" aria-label={props.summary} />
      <details className="plot-table">
        <summary>{t("dashboard.asTable")}</summary>
        <ValuesTable {...props} />
      </details>
    </figure>
  );
}

function ValuesTable({ title, labels, series, format, readableLabel }: Props) {
  const { t } = useTranslation();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard
    <section className="table-scroll" aria-label={title} tabIndex={0}>
      <table className="data">
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{t("dashboard.when")}</th>
            {series.map(({ label }) => (
              <th key={label} scope="col" className="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, index) => (
            <tr key={label}>
              <th scope="row">{readableLabel(label)}</th>
              {series.map((each) => (
                <td key={each.label} className="number">
                  {each.values[index] === null || each.values[index] === undefined
                    ? "–"
                    : format(each.values[index] as number)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function dataOf({ labels, series }: Props): uPlot.AlignedData {
  return [labels.map((_, index) => index), ...series.map(({ values }) => values)];
}

function optionsOf({ labels, series, format, readableLabel }: Props, host: HTMLElement): uPlot.Options {
  const style = getComputedStyle(host);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = { font: `12px ${style.fontFamily}`, stroke: color("--ink-soft"), grid: { stroke: color("--sand") } };
  const label = (index: number) => (Number.isInteger(index) && labels[index] ? readableLabel(labels[index]) : "");
  return {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: rangeOf } },
    axes: [
      { ...axis, grid: { show: false }, space: 80, values: (_, splits) => splits.map(label) },
      { ...axis, size: 76, values: (_, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...series.map((each) => ({
        label: each.label,
        stroke: color(each.color),
        width: each.kind === "bound" ? 1 : 2,
        ...(each.kind === "bars"
          ? { fill: `${color(each.color)}40`, paths: uPlot.paths.bars?.({ size: [0.7, 40] }) }
          : {}),
        ...(each.kind === "dashed" || each.kind === "bound" ? { dash: each.kind === "bound" ? [2, 4] : [8, 5] } : {}),
        points: { show: each.kind === "line" && labels.length < 32 },
      })),
    ],
  };
}

/** From zero, or from the least value where that is below. */
function rangeOf(_: uPlot, least: number | null, most: number | null): [number, number] {
  const [low, high] = [Math.min(0, least ?? 0), Math.max(0, most ?? 0)];
  return [low * 1.08, high * 1.08 || 1];
}
