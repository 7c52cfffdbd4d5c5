/**
 * The guilds that a bot is in, by the words of the gateway itself. The caches of a client do not say it:
 * after an identify anew they keep guilds that the bot was taken out of meanwhile.
 */

/** A packet of the gateway, as `Events.Raw` shows it. */
export interface Packet {
  readonly t: string | null;
  readonly d: unknown;
}

export class GuildList {
  readonly #byShard = new Map<number, Set<string>>();

  /** True when the list may be another one now. */
  take({ t, d }: Packet, shard: number): boolean {
    switch (t) {
      case 'READY': {
        const { guilds } = d as { guilds: readonly { id: string }[] };
        this.#byShard.set(shard, new Set(guilds.map(({ id }) => id)));
        return true;
      }
      case 'GUILD_CREATE':
        this.#byShard.get(shard)?.add((d as { id: string }).id);
        return true;
      case 'GUILD_DELETE': {
        const { id, unavailable } = d as { id: string; unavailable?: boolean };
        // An outage is no farewell.
        return unavailable !== true && (this.#byShard.get(shard)?.delete(id) ?? false);
      }
      default:
        return false;
    }
  }

  has(guildId: string): boolean {
    return [...this.#byShard.values()].some((guilds) => guilds.has(guildId));
  }

  all(): Set<string> {
    return new Set([...this.#byShard.values()].flatMap((guilds) => [...guilds]));
  }
}
