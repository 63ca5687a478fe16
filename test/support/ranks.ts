/** Whether two samples differ, by ranks alone: a few values that are far off, as of a busy machine, count for no more than others. */

export interface Comparison {
  /** How likely a value of the first is above one of the second; 0.5 for no difference. */
  readonly above: number;
  /** How many standard deviations that is from no difference. */
  readonly z: number;
}

/** Mann-Whitney U, with its normal approximation: for samples of twenty and more. */
export function compareRanks(first: readonly number[], second: readonly number[]): Comparison {
  const tagged = [...first.map((value) => ({ value, own: true })), ...second.map((value) => ({ value, own: false }))];
  tagged.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  for (let start = 0, end = 0; start < tagged.length; start = end) {
    while (end < tagged.length && tagged[end]?.value === tagged[start]?.value) end += 1;
    const rank = (start + end + 1) / 2; // of all that are equal
    rankSum += rank * tagged.slice(start, end).filter(({ own }) => own).length;
  }
  const pairs = first.length * second.length;
  const above = (rankSum - (first.length * (first.length + 1)) / 2) / pairs;
  const deviation = Math.sqrt((first.length + second.length + 1) / (12 * pairs));
  return { above, z: (above - 0.5) / deviation };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that this share of all is at or below. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? 0;
}
