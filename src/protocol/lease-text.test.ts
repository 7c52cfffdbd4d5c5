import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Granted, LeaseView } from '../core/outcome.ts';
import { END_REASONS, LEASE_STATES } from '../core/words.ts';
import { grantedToJson, leaseToJson } from './lease-json.ts';
import { grantedText, leaseText } from './lease-text.ts';

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('guild-81384788765712384', '"', '\\', '\n', '\u2028', '\ud800', 'a/b', ''),
);
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const lease: fc.Arbitrary<LeaseView> = fc.record(
  {
    leaseId: fc.constantFrom('lse-0-1', 'lse-12345-678', ''),
    tenant: text,
    agentId: text,
    purpose: text,
    tools: fc.array(text, { maxLength: 3 }),
    state: fc.constantFrom(...LEASE_STATES),
    token: fc.nat(Number.MAX_SAFE_INTEGER),
    warm: fc.boolean(),
    allocatedAt: time,
    lastActivityAt: time,
    idleTimeoutMs: fc.nat(),
    expiresAt: time,
    metadata: fc.dictionary(text, fc.jsonValue() as fc.Arbitrary<never>, { maxKeys: 3 }),
    endpoint: text,
    reason: fc.constantFrom(...END_REASONS),
    releasedAt: time,
  },
  {
    requiredKeys: [
      ...(['leaseId', 'tenant', 'agentId', 'purpose', 'tools', 'state', 'token', 'warm'] as const),
      ...(['allocatedAt', 'lastActivityAt', 'idleTimeoutMs', 'expiresAt', 'metadata'] as const),
    ],
  },
);

test('the text of a lease is what its object would be as JSON', () => {
  fc.assert(
    fc.property(lease, (view) => {
      expect(leaseText(view)).toBe(JSON.stringify(leaseToJson(view)));
    }),
  );
});

test('the text of a grant is what its object would be as JSON', () => {
  const explain = { considered: 2, eligible: 1, chosen: 'a', score: null, rejected: { LEASED: 1 } };
  fc.assert(
    fc.property(fc.array(lease, { maxLength: 3 }), fc.boolean(), fc.boolean(), (leases, a, b) => {
      const granted: Granted = {
        ...{ outcome: 'granted', leases, reused: a, warm: b, how: 'score', dryRun: false },
        ...(a && b ? { explain } : {}),
      };
      expect(grantedText(granted)).toBe(JSON.stringify(grantedToJson(granted)));
    }),
  );
});
