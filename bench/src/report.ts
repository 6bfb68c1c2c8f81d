/** From rounds to what is read: medians, ratios, what was reached, and tables of Markdown. */
import { CONTESTANTS, type Contestant, type Measure, type Reading, type Trials, UNITS } from './measure.ts';
import { SERVERS, TITLES } from './servers.ts';
import { greatest, median } from './statistics.ts';

/** The part of questions that may be lost without a word. */
const LOSS = 0.001;

/** The one number of several rounds, or `undefined` without any. */
export const figureOf = ({ figure, of = 'median' }: Measure, readings: readonly Reading[] = []): number | undefined => {
  const values = readings.flatMap(({ figures }) => figures[figure] ?? []);
  if (values.length === 0) return undefined;
  return of === 'median' ? median(values) : greatest(values);
};

/** A measure with what came of it. */
export interface Outcome {
  readonly measure: Measure;
  readonly figures: Readonly<Partial<Record<Contestant, number>>>;
  /** Ours divided by the best of those that it is measured by. */
  readonly ratio: number | undefined;
  readonly rival: Contestant | undefined;
  /** By how much ours is too much, in the unit of the measure; 0 or less is reached, `undefined` where nothing is wanted. */
  readonly excess: number | undefined;
}

/** The rival of least, among `of`. */
const bestOf = (figures: Outcome['figures'], of: readonly Contestant[]): Contestant | undefined =>
  of.filter((each) => figures[each] !== undefined).sort((a, b) => figures[a]! - figures[b]!)[0];

export const outcomeOf = (measure: Measure, { readings }: Trials): Outcome => {
  const figures = Object.fromEntries(
    CONTESTANTS.flatMap((each) => {
      const figure = figureOf(measure, readings[each]);
      return figure === undefined ? [] : [[each, figure]];
    }),
  ) as Outcome['figures'];
  const { wanted } = measure;
  const ours = figures.zonewright ?? Number.NaN;
  const others = measure.baseline === undefined ? SERVERS.slice(1) : (['baseline'] as const);
  const rival = bestOf(figures, wanted !== undefined && 'of' in wanted ? wanted.of : others);
  const theirs = rival === undefined ? undefined : figures[rival];
  const most =
    wanted === undefined ? undefined : 'atMost' in wanted ? wanted.atMost : wanted.times * (theirs ?? Number.NaN);
  return {
    measure,
    figures,
    // What is too little to be counted is nothing to be compared with.
    ratio: theirs === undefined || theirs === 0 ? undefined : ours / theirs,
    rival,
    excess: most === undefined ? undefined : ours - most,
  };
};

const nameOf = (contestant: Contestant, { baseline = '' }: Measure): string =>
  contestant === 'baseline' ? baseline : TITLES[contestant];

const wantedText = (measure: Measure): string => {
  const { wanted, unit } = measure;
  if (wanted === undefined) return '';
  if ('atMost' in wanted) return `${wanted.atMost} ${UNITS[unit].name}`;
  return `${wanted.times} × ${wanted.of.map((each) => nameOf(each, measure)).join(' or ')}`;
};

/** `yes`, or by how much it was missed: as a share of what was wanted. */
const reachedText = ({ excess, figures, measure }: Outcome): string => {
  if (excess === undefined) return '';
  if (Number.isNaN(excess)) return 'not measured';
  if (excess <= 0) return 'yes';
  const wanted = figures.zonewright! - excess;
  const share = (excess / wanted) * 100;
  return `missed by ${share < 1000 ? `${share.toFixed(share < 10 ? 1 : 0)} %` : `${excess.toFixed(1)} ${UNITS[measure.unit].name}`}`;
};

const percent = (share: number | undefined): string =>
  share === undefined || Number.isNaN(share) ? '-' : `${(share * 100).toFixed(0)}`;

/** The kernel's part of the processor time of each server, as `41 / 70 / 66 / 58 %`. */
const kernelText = ({ readings }: Trials): string => {
  const shares = SERVERS.map((server) => {
    const known = (readings[server] ?? []).flatMap(({ kernel = Number.NaN }) => (Number.isNaN(kernel) ? [] : kernel));
    return known.length === 0 ? undefined : median(known);
  });
  return shares.every((share) => share === undefined) ? '' : `${shares.map(percent).join(' / ')} %`;
};

export const HEADINGS = [
  'measure',
  '',
  ...SERVERS.map((each) => TITLES[each]),
  'beside',
  'ratio',
  'wanted',
  'reached',
  "kernel's share",
];

/** The cells of a row. */
export const rowOf = (outcome: Outcome, trials: Trials): readonly string[] => {
  const { measure, figures, ratio, rival } = outcome;
  const { name, digits } = UNITS[measure.unit];
  const text = (contestant: Contestant): string => figures[contestant]?.toFixed(digits) ?? '';
  return [
    measure.title,
    name,
    ...SERVERS.map(text),
    measure.baseline === undefined ? '' : `${text('baseline')} ${measure.baseline}`,
    ratio === undefined ? '' : `${ratio.toFixed(2)} × ${nameOf(rival!, measure)}`,
    wantedText(measure),
    reachedText(outcome),
    kernelText(trials),
  ];
};

/** What has to be said below the table: who lost too many questions, and the remarks of the experiment. */
export const remarksOf = (measure: Measure, { readings, remarks = [] }: Trials): readonly string[] => {
  const lost = CONTESTANTS.flatMap((each) => {
    const share = median((readings[each] ?? []).flatMap((reading) => reading.lost ?? []));
    return share > LOSS ? [`${nameOf(each, measure)} lost ${(share * 100).toFixed(1)} % of the questions.`] : [];
  });
  return [...lost, ...remarks].map((remark) => `${measure.title}: ${remark}`);
};

/** A table of Markdown, its columns aligned. The first cell of a row names it; cells of numbers stand to the right. */
export const tableOf = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = headings.map((heading, i) =>
    greatest([heading, ...rows.map((row) => row[i] ?? '')].map((it) => it.length).concat(3)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |\n`;
  return line(headings) + line(widths.map((width) => '-'.repeat(width))) + rows.map(line).join('');
};
