// Acked is durable while heads become blocks and the log is given back: heads of 1 MiB, so that
// several of both fall into each round before the kill -9.
// DURABLE_ROUNDS sets the number of kills (2); SEED=n repeats the data, not the moments.
import assert from 'node:assert/strict';
import { pause } from './harness.mjs';
import { durableStory } from './durable.mjs';

const kTurns = 5; // cuts and freed segments in a round

// Load goes on meanwhile; metrics count from the start of the process.
async function checkLoad(server, context) {
  for (const deadline = Date.now() + 60_000; ; await pause(20)) {
    const metrics = await server.metrics();
    const cuts = metrics.tempo_ingester_blocks_cleared_total;
    const freed = metrics.vivace_wal_freed_segments_total;
    if (cuts >= kTurns && freed >= kTurns) {
      context.diagnostic(`${cuts} cuts, ${freed} segments freed`);
      return;
    }
    assert.ok(Date.now() < deadline, `${cuts} cuts, ${freed} segments freed`);
  }
}

durableStory({
  config: { ingester: { max_block_bytes: 1 << 20, flush_check_period: '100ms' } },
  milliseconds: (random) => 20 + random.below(300),
  prepared: 600,
  rounds: Number(process.env.DURABLE_ROUNDS ?? 2),
  checkLoad,
});
