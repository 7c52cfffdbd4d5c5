/** A lease from its assignment to the moment when the bot has left. */
import type { AssignedLease } from '../sdk/agent.ts';
import { sleep } from '../sdk/net/wait.ts';
import type { MusicBot } from './music-bot.ts';
import { placeOf } from './place.ts';
import type { Seat } from './seat.ts';
import { SeatedSession } from './session.ts';
import type { MusicOptions } from './types.ts';

/** Less than the pool waits for an answer, so that the pool hears why. */
const JOIN_TIMEOUT_SEC = 8;
/** How long new work waits until the bot has left. Leaving goes on after that. */
const LEAVE_MS = 5_000;
/** How long a `play` may take to end once it has been asked to. */
const PLAY_END_MS = 5_000;
/** A kick shows first as a disconnect; its second half is waited for. */
const SETTLE_MS = 300;

export async function serve(
  bot: MusicBot,
  lease: AssignedLease,
  signal: AbortSignal,
  { play, joinTimeoutSec = JOIN_TIMEOUT_SEC }: MusicOptions,
): Promise<void> {
  // The pool gives work to whoever has just connected, before it can be told.
  if (bot.fault !== null) return lease.reject(bot.fault);
  const place = placeOf(lease);
  if (typeof place === 'string') return lease.reject(place);
  const { guildId, channelId } = place;
  if (!bot.mayBeIn(guildId)) return lease.reject(`the bot is not in the guild ${guildId}`);
  const seat = bot.seats.take(guildId, channelId);
  const end = AbortSignal.any([signal, seat.lost]);
  try {
    await bot.seats.until(() => seat.isJoined, joinTimeoutSec * 1_000, end);
    if (signal.aborted) return;
    if (!seat.isJoined || seat.lost.aborted) return lease.reject(whyNot(bot, seat));
    lease.accept();
    await playAndStay(new SeatedSession(lease, seat, () => bot.client), end, play, () => {
      bot.seats.leave(seat);
    });
  } finally {
    bot.seats.leave(seat);
    await bot.seats.until(() => bot.seats.isAway(guildId), LEAVE_MS);
    if (seat.lost.aborted && !signal.aborted) {
      // Before the lease is given back: the pool would give the guild to this bot again.
      await bot.seats.until(() => !bot.mayBeIn(guildId), SETTLE_MS);
      bot.memberships.flush();
    }
  }
}

function whyNot(bot: MusicBot, { lost, channelId }: Seat): string {
  if (lost.aborted) return (lost.reason as Error).message;
  if (bot.trouble !== null) return bot.trouble;
  return `Discord did not let the bot into the channel ${channelId}; it needs the permissions to view it and to connect`;
}

/** Resolves when the lease is over and the music has ended, or has been given up. */
async function playAndStay(
  session: SeatedSession,
  end: AbortSignal,
  play: MusicOptions['play'],
  leave: () => void,
): Promise<void> {
  const over = new Promise<void>((resolve) => {
    if (end.aborted) resolve();
    end.addEventListener('abort', () => resolve());
  });
  const playing = (async () => play(session, { signal: end }))();
  try {
    await Promise.race([playing.then(() => session.rest()), over]);
    await over;
  } catch (error) {
    if (!isEcho(error, end)) throw error;
  } finally {
    session.end();
    leave();
  }
  const patience = new AbortController();
  const ending = playing.catch((error: unknown) => {
    if (!isEcho(error, end)) throw error;
  });
  try {
    await Promise.race([ending, sleep(PLAY_END_MS, patience.signal)]);
  } finally {
    patience.abort();
  }
}

/** Work that is asked to end may well end by throwing what it was asked with. */
function isEcho(error: unknown, end: AbortSignal): boolean {
  return end.aborted && (error === end.reason || (error as Error | null)?.name === 'AbortError');
}
