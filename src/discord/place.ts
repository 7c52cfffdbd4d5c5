/** Where a lease wants its bot: `metadata: { guild_id, channel_id }`. */
import type { AssignedLease } from '../sdk/agent.ts';

const SNOWFLAKE = /^\d{1,20}$/;

export interface Place {
  readonly guildId: string;
  readonly channelId: string;
}

/** The place, or what is wrong with the request. */
export function placeOf({
  tenant,
  metadata,
}: Pick<AssignedLease, 'tenant' | 'metadata'>): Place | string {
  const { guild_id: guildId = tenant, channel_id: channelId } = metadata;
  if (typeof channelId !== 'string' || !SNOWFLAKE.test(channelId)) {
    return 'metadata.channel_id must be the id of a voice channel, as text; add it to the request';
  }
  if (typeof guildId !== 'string' || !SNOWFLAKE.test(guildId)) {
    return 'metadata.guild_id must be the id of the guild, as text; add it to the request';
  }
  if (guildId !== tenant) {
    return `metadata.guild_id is ${guildId} and the tenant ${tenant}; both must be the guild`;
  }
  return { guildId, channelId };
}
