//! Counts as they are asked for: of each webhook over a window, and of all together bucket by bucket.

use std::time::Duration;

use tenterhook_model::{Lane, Timestamp, WebhookId};

use super::shared::Shared;
use crate::counts::add_to;
use crate::error::StoreError;
use crate::stats::{DeliveryStats, StatsBucket, StatsQuery};

impl Shared {
    /// The counts of each webhook that had deliveries in the window or has open ones now.
    pub(crate) fn stats(&self, query: &StatsQuery) -> Result<Vec<(WebhookId, DeliveryStats)>, StoreError> {
        let now = self.clock.now();
        let mut all = Vec::new();
        for (webhook, lane) in self.lanes_of(query) {
            let stats = self.lane_stats(lane, now, query.window)?;
            if stats.open > 0 || stats.attempts > 0 || stats.failed > 0 {
                all.push((webhook, stats));
            }
        }
        Ok(all)
    }

    /// The counts of all webhooks of the query together, in buckets of `width`.
    pub(crate) fn stats_buckets(&self, query: &StatsQuery, width: Duration) -> Result<Vec<StatsBucket>, StoreError> {
        let now = self.clock.now();
        let width = (width.as_millis() as u64).max(1);
        let start = now.before(query.window).millis_u48();
        let (first, last) = (start / width, now.millis_u48() / width);
        let bucket = |number: u64| StatsBucket {
            start: Timestamp::from_millis((number * width) as i64),
            stats: DeliveryStats::default(),
        };
        let mut buckets: Vec<StatsBucket> = (first..=last).map(bucket).collect();
        for (_, lane) in self.lanes_of(query) {
            self.each_count(lane, now, start, &mut |from, row| {
                // Spans begin on whole minutes and hours, the first of them before the window.
                let place = (from / width).clamp(first, last) - first;
                add_to(&mut buckets[place as usize].stats, row)
            })?;
        }
        Ok(buckets)
    }

    fn lanes_of(&self, query: &StatsQuery) -> Vec<(WebhookId, Lane)> {
        let set = self.webhooks();
        let asked = set.by_id.values().filter(|webhook| {
            webhook.namespace == query.namespace && query.webhook_id.is_none_or(|id| id == webhook.id)
        });
        asked.map(|webhook| (webhook.id, webhook.lane)).collect()
    }

    /// The counts of a lane over the `window` up to `now`.
    fn lane_stats(&self, lane: Lane, now: Timestamp, window: Duration) -> Result<DeliveryStats, StoreError> {
        let mut stats = DeliveryStats::default();
        self.each_count(lane, now, now.before(window).millis_u48(), &mut |_, row| add_to(&mut stats, row))?;
        stats.open = self.counts().open(lane).total();
        if stats.open > 0 {
            stats.oldest_open = self.oldest_open(lane)?;
        }
        Ok(stats)
    }
}
