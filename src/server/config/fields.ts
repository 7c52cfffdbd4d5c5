/** The kinds of values that configuration keys have. */
import { type TSchema, Type } from 'typebox';

/** A month: longer timeouts are typing errors. */
const LONGEST_SEC = 30 * 86_400;

export function seconds(
  byDefault: number,
  description: string,
  minimum: number = 0,
  maximum: number = LONGEST_SEC,
): Type.TNumber {
  return Type.Number({ default: byDefault, minimum, maximum, description });
}

export function ratio(byDefault: number, description: string): Type.TNumber {
  return Type.Number({ default: byDefault, minimum: 0, maximum: 1, description });
}

export const NAME_PATTERN = '^(?!__proto__$)[^\\p{Cc}\\p{Cs}]{1,64}$';

/**
 * A map whose keys the user chooses. What is set is merged into the default entry by entry, or with
 * `replace` stands in its place: nobody could take a default entry out otherwise.
 */
export function byName<S extends TSchema>(
  item: S,
  options: {
    readonly default: unknown;
    readonly pattern: string;
    readonly description: string;
    readonly replace?: boolean;
  },
): Type.TRecord<string, S> {
  const { pattern, replace, ...keywords } = options;
  return Type.Record(Type.String({ pattern }), item, {
    ...keywords,
    additionalProperties: false,
    maxProperties: 1_000,
    'x-key-rule': 'is not a usable name',
    ...(replace && { 'x-replace': true }),
  }) as Type.TRecord<string, S>;
}
