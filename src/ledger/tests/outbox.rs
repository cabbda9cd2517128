//! Deliveries.

use super::{Fixture, for_every_store, samples::delivery};
use crate::ledger::{
    Change, DeliveryId, Refused, Transaction, WallTime,
    deliveries::{Delivery, DeliveryState, Due, Outbox, TryOutcome},
};

for_every_store!(
    a_delivery_waits_until_it_is_taken,
    the_order_of_a_receiver_is_kept,
    a_delivery_that_fails_for_ten_minutes_is_overtaken,
    what_is_parked_holds_nobody_up_and_can_be_resent,
    after_a_start_everything_is_tried_at_once,
    what_was_taken_is_forgotten_in_the_end,
    what_waits_and_what_is_parked_is_counted,
);

const fn at(seconds: u64) -> WallTime {
    WallTime::from_milliseconds(1000 * seconds)
}

fn deliver(id: u64, receiver: &str) -> Transaction {
    Transaction::new().with(Change::Deliver(delivery(id, receiver)))
}

fn tried(id: u64, outcome: TryOutcome) -> Transaction {
    Transaction::new().with(Change::DeliveryTried { id: DeliveryId(id), outcome })
}

fn failed(id: u64, next_try_at: u64) -> Transaction {
    tried(id, TryOutcome::Failed { answer: "500".to_owned(), next_try_at: at(next_try_at) })
}

fn taken(id: u64) -> Transaction {
    tried(id, TryOutcome::Delivered("204".to_owned()))
}

fn ids(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| delivery.id.0).collect()
}

async fn due(it: &Fixture, now: u64) -> (Vec<u64>, Option<WallTime>) {
    let Due { deliveries, next_at } = it.ledger.due_deliveries(at(now), 10).await.unwrap();
    (ids(&deliveries), next_at)
}

async fn a_delivery_waits_until_it_is_taken(it: Fixture) {
    it.advance(100);
    it.commit(deliver(1, "webhook")).await;
    assert_eq!(it.refuse(deliver(1, "other")).await, Refused::WebhookIdUsed);
    let written = it.ledger.delivery(DeliveryId(1)).await.unwrap().unwrap();
    let new = delivery(1, "webhook");
    assert_eq!(written, Delivery::new(DeliveryId(1), new.clone(), at(100)));
    assert_eq!((written.webhook_id, written.body), (new.webhook_id.clone(), new.body));
    assert_eq!(due(&it, 100).await, (vec![1], None));
    it.advance(10);
    it.commit(failed(1, 150)).await;
    assert_eq!(due(&it, 149).await, (vec![], Some(at(150))));
    assert_eq!(due(&it, 150).await, (vec![1], Some(at(710))));
    it.advance(40);
    it.commit(taken(1)).await;
    let written = it.ledger.delivery(DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!((written.state, written.tries, written.failing_since), (DeliveryState::Delivered, 2, Some(at(110))));
    assert_eq!((written.webhook_id, written.last_answer.as_deref()), (new.webhook_id, Some("204")));
    assert_eq!(due(&it, 9999).await, (vec![], None));
    assert_eq!(it.refuse(taken(1)).await, Refused::NotWaiting(DeliveryId(1)));
    assert_eq!(it.refuse(taken(2)).await, Refused::UnknownDelivery(DeliveryId(2)));
    assert_eq!(it.ledger.delivery(DeliveryId(2)).await.unwrap(), None);
}

async fn the_order_of_a_receiver_is_kept(it: Fixture) {
    for (id, receiver) in [(1, "b"), (2, "a"), (3, "b"), (4, "a")] {
        it.commit(deliver(id, receiver)).await;
    }
    assert_eq!(due(&it, 0).await, (vec![1, 2], None));
    assert_eq!(ids(&it.ledger.due_deliveries(at(0), 1).await.unwrap().deliveries), [1]);
    it.commit(taken(1)).await;
    assert_eq!(due(&it, 0).await, (vec![2, 3], None));
    it.commit(failed(2, 5)).await;
    assert_eq!(due(&it, 0).await, (vec![3], Some(at(5))), "4 waits for 2");
    let all = it.ledger.deliveries_after(DeliveryId(1), None, 2).await.unwrap();
    assert_eq!(ids(&all), [2, 3]);
    let waiting = it.ledger.deliveries_after(DeliveryId(0), Some(DeliveryState::Waiting), 10).await.unwrap();
    assert_eq!(ids(&waiting), [2, 3, 4]);
}

async fn a_delivery_that_fails_for_ten_minutes_is_overtaken(it: Fixture) {
    for id in 1..=3 {
        it.commit(deliver(id, "webhook")).await;
    }
    it.commit(failed(1, 7200)).await;
    assert_eq!(due(&it, 599).await, (vec![], Some(at(600))));
    assert_eq!(due(&it, 600).await, (vec![2], Some(at(7200))));
    it.advance(600);
    it.commit(failed(2, 630)).await;
    assert_eq!(due(&it, 1199).await, (vec![2], Some(at(1200))));
    assert_eq!(due(&it, 1200).await, (vec![2, 3], Some(at(7200))));
    assert_eq!(due(&it, 7200).await, (vec![1, 2, 3], None));
    it.commit(taken(1)).await;
    assert_eq!(due(&it, 7200).await, (vec![2, 3], None));
}

async fn what_is_parked_holds_nobody_up_and_can_be_resent(it: Fixture) {
    it.commit(deliver(1, "webhook")).await;
    it.commit(deliver(2, "webhook")).await;
    it.commit(tried(1, TryOutcome::Parked("301: it redirects".to_owned()))).await;
    assert_eq!(due(&it, 0).await, (vec![2], None));
    let parked = it.ledger.deliveries_after(DeliveryId(0), Some(DeliveryState::Parked), 10).await.unwrap();
    assert_eq!(parked[0].last_answer.as_deref(), Some("301: it redirects"));
    it.advance(60);
    it.commit(taken(2)).await;
    for id in [1, 2] {
        it.commit(Transaction::new().with(Change::ResendDelivery(DeliveryId(id)))).await;
    }
    assert_eq!(due(&it, 60).await, (vec![1], None));
    let resent = it.ledger.delivery(DeliveryId(1)).await.unwrap().unwrap();
    assert_eq!((resent.tries, resent.next_try_at, &resent.webhook_id), (0, at(60), &parked[0].webhook_id));
    let unknown = Transaction::new().with(Change::ResendDelivery(DeliveryId(3)));
    assert_eq!(it.refuse(unknown).await, Refused::UnknownDelivery(DeliveryId(3)));
}

async fn after_a_start_everything_is_tried_at_once(it: Fixture) {
    for (id, receiver) in [(1, "a"), (2, "b")] {
        it.commit(deliver(id, receiver)).await;
        it.commit(failed(id, 9000)).await;
    }
    let hurry = |receiver: Option<&str>, seconds| {
        let receiver = receiver.map(str::to_owned);
        Transaction::new().with(Change::HurryDeliveries { receiver, at: at(seconds) })
    };
    it.commit(hurry(Some("b"), 50)).await;
    assert_eq!(due(&it, 50).await, (vec![2], Some(at(600))));
    it.commit(hurry(None, 60)).await;
    assert_eq!(due(&it, 50).await, (vec![2], Some(at(60))), "nothing is put off by it");
    assert_eq!(due(&it, 60).await, (vec![1, 2], Some(at(600))));
}

async fn what_was_taken_is_forgotten_in_the_end(it: Fixture) {
    for id in 1..=3 {
        it.commit(deliver(id, "webhook")).await;
        it.advance(10);
    }
    it.commit(taken(1)).await;
    it.commit(taken(3)).await;
    it.commit(Transaction::new().with(Change::ForgetDelivered(at(20)))).await;
    let left = it.ledger.deliveries_after(DeliveryId(0), None, 10).await.unwrap();
    assert_eq!(ids(&left), [2, 3]);
    it.commit(Transaction::new().with(Change::ForgetDelivered(at(21)))).await;
    it.commit(deliver(9, "webhook")).await;
    let left = it.ledger.deliveries_after(DeliveryId(0), None, 10).await.unwrap();
    assert_eq!(ids(&left), [2, 4], "a number never comes back");
}

async fn what_waits_and_what_is_parked_is_counted(it: Fixture) {
    let outbox = async || it.ledger.outbox().await.unwrap();
    assert_eq!(outbox().await, Outbox::default());
    for id in 1..=4 {
        it.advance(10);
        it.commit(deliver(id, if id == 4 { "other" } else { "webhook" })).await;
    }
    assert_eq!(outbox().await, Outbox { waiting: 4, parked: 0, oldest: Some(at(10)) });
    it.commit(taken(1)).await;
    it.commit(tried(2, TryOutcome::Parked("301".to_owned()))).await;
    it.commit(failed(3, 9999)).await;
    assert_eq!(outbox().await, Outbox { waiting: 2, parked: 1, oldest: Some(at(30)) });
}
