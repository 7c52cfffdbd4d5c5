/** What agents cost, as `--cost premium=1.2,standard=0.5` says it. */
import { TIERS, type Tier } from '../core/words.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { wrongUsage } from './failure.ts';

export interface Price {
  /** Null: any agent. */
  readonly tier: Tier | null;
  readonly perHour: number;
}

export function pricesOf(cost: string | undefined, perAgent: number | undefined): Price[] {
  if (perAgent !== undefined) return [{ tier: null, perHour: perAgent }];
  if (cost === undefined) return [];
  const prices = cost.split(',').map((part): Price => {
    const [word = '', text = ''] = part.split('=').map((piece) => piece.trim());
    const tier = TIERS.find((name) => name === word);
    if (tier === undefined) {
      const hint = didYouMean(word, TIERS) || `; there are ${TIERS.join(', ')}.`;
      throw wrongUsage(`--cost: "${word}" is no tier${hint}`);
    }
    const perHour = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(perHour)) {
      throw wrongUsage(`--cost must say what each tier costs an hour, such as ${tier}=0.5.`);
    }
    return { tier, perHour };
  });
  if (new Set(prices.map(({ tier }) => tier)).size < prices.length) {
    throw wrongUsage('--cost names a tier twice.');
  }
  return prices;
}
