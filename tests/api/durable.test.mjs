// Acked is durable: kill -9 in the middle of load, again and again; all of it is in heads and the log.
// DURABLE_ROUNDS sets the number of kills (5); SEED=n repeats the data, not the moments.
import { durableStory } from './durable.mjs';

durableStory({
  config: {},
  milliseconds: (random) => 20 + random.below(300),
  prepared: 150,
  rounds: Number(process.env.DURABLE_ROUNDS ?? 5),
});
