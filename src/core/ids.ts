/** Public ids. They are opaque to users; the pool reads them back without a map. */

const LEASE = 'lse-';
const TICKET = 'tkt-';

/** A row and its generation: the id of a later lease in the same row differs. */
export function leaseId(row: number, generation: number): string {
  return `${LEASE}${row}-${generation}`;
}

/** The row and generation of a lease id, or null for anything else. */
export function parseLeaseId(id: string): { row: number; generation: number } | null {
  if (!id.startsWith(LEASE)) return null;
  const dash = id.indexOf('-', LEASE.length);
  if (dash === -1) return null;
  const row = digits(id, LEASE.length, dash);
  const generation = digits(id, dash + 1, id.length);
  return row < 0 || generation < 0 ? null : { row, generation };
}

/** The row alone, or -1; the generation is not looked at. */
export function parseLeaseRow(id: string): number {
  const dash = id.indexOf('-', LEASE.length);
  return id.startsWith(LEASE) && dash !== -1 ? digits(id, LEASE.length, dash) : -1;
}

export function ticketId(number: number): string {
  return `${TICKET}${number}`;
}

/** The number of a ticket id, or -1. */
export function parseTicketId(id: string): number {
  return id.startsWith(TICKET) ? digits(id, TICKET.length, id.length) : -1;
}

/** The canonical decimal number between two positions, or -1. */
function digits(text: string, from: number, to: number): number {
  const length = to - from;
  if (length < 1 || length > 15) return -1;
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return length > 1 && text.charCodeAt(from) === 48 ? -1 : value;
}
