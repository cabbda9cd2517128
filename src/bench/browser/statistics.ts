/** What a number of samples say: the middle, and between which values most of them lie. */
export interface Summary {
  samples: number;
  median: number;
  p10: number;
  p90: number;
  max: number;
}

export function summary(samples: number[]): Summary {
  if (samples.length === 0) throw new Error("Nothing was measured.");
  const sorted = [...samples].sort((a, b) => a - b);
  const quantile = (share: number) => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)];
    return below + (sorted[Math.ceil(place)] - below) * (place - Math.floor(place));
  };
  return { samples: sorted.length, median: quantile(0.5), p10: quantile(0.1), p90: quantile(0.9), max: sorted[sorted.length - 1] };
}

/** The ratio of two engines, sample by sample: what disturbs a whole turn disturbs both. */
export function pairwise(above: number[], below: number[]): Summary {
  return summary(above.map((value, index) => value / below[index]));
}
