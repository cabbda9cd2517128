//! Sessions, clients, tokens and strikes.

use super::{
    Fixture, for_every_store,
    samples::{client, session, token},
};
use crate::ledger::{
    Change, Digest, Refused, Transaction, WallTime,
    rows::{ClientRow, SessionRow, StrikeRow},
};

for_every_store!(
    sessions_and_their_clients_come_back,
    a_session_ends_with_its_last_client,
    clients_that_expired_are_forgotten_oldest_first,
    a_token_is_spent_once,
    tokens_that_expired_are_forgotten_oldest_first,
    strikes_are_replaced_forgiven_and_forgotten,
);

const fn at(milliseconds: u64) -> WallTime {
    WallTime::from_milliseconds(milliseconds)
}

fn one(change: Change) -> Transaction {
    Transaction::new().with(change)
}

/// Two sessions, the first with two clients.
async fn two_sessions(it: &Fixture) {
    let both = Transaction::new()
        .with(Change::PutSession(session("a")))
        .with(Change::PutClient(client(1, "a", 5000)))
        .with(Change::PutClient(client(2, "a", 9000)))
        .with(Change::PutSession(session("b")))
        .with(Change::PutClient(client(3, "b", 7000)));
    it.commit(both).await;
}

async fn people(it: &Fixture) -> (Vec<SessionRow>, Vec<ClientRow>) {
    let recovered = it.ledger.recover().await.unwrap();
    (recovered.sessions, recovered.clients)
}

async fn sessions_and_their_clients_come_back(it: Fixture) {
    assert_eq!(it.refuse(one(Change::PutClient(client(1, "a", 5000)))).await, Refused::UnknownSession);
    two_sessions(&it).await;
    let bound = SessionRow { visitor: Some("visitor-1".parse().unwrap()), nick: None, stamped: true, ..session("b") };
    it.commit(one(Change::PutSession(bound.clone()))).await;
    let renewed = vec![(Digest::from_bytes([3; 32]), at(8000)), (Digest::from_bytes([9; 32]), at(8000))];
    it.commit(one(Change::RenewClients(renewed))).await;
    let (sessions, clients) = people(&it).await;
    assert_eq!(sessions, [session("a"), bound]);
    assert_eq!(clients, [client(1, "a", 5000), client(2, "a", 9000), client(3, "b", 8000)]);
    it.advance(6);
    assert_eq!(people(&it).await.1, [client(2, "a", 9000), client(3, "b", 8000)], "what expired does not come back");
}

async fn a_session_ends_with_its_last_client(it: Fixture) {
    two_sessions(&it).await;
    it.commit(one(Change::RemoveClient(Digest::from_bytes([1; 32])))).await;
    it.commit(one(Change::RemoveClient(Digest::from_bytes([1; 32])))).await;
    assert_eq!(people(&it).await.0, [session("a"), session("b")]);
    it.commit(one(Change::RemoveClient(Digest::from_bytes([2; 32])))).await;
    assert_eq!(people(&it).await, (vec![session("b")], vec![client(3, "b", 7000)]));
    it.commit(one(Change::RemoveSession("b".to_owned()))).await;
    assert_eq!(people(&it).await, (vec![], vec![]));
}

async fn clients_that_expired_are_forgotten_oldest_first(it: Fixture) {
    two_sessions(&it).await;
    it.commit(one(Change::ForgetClients(at(5000)))).await;
    assert_eq!(people(&it).await.1.len(), 3, "none had expired before that");
    it.commit(one(Change::ForgetClients(at(7001)))).await;
    assert_eq!(people(&it).await, (vec![session("a")], vec![client(2, "a", 9000)]));
}

async fn a_token_is_spent_once(it: Fixture) {
    it.commit(one(Change::SpendToken(token(1, 1000)))).await;
    assert_eq!(it.refuse(one(Change::SpendToken(token(1, 2000)))).await, Refused::TokenSpent);
    let twice = one(Change::SpendToken(token(2, 1000))).with(Change::SpendToken(token(2, 1000)));
    assert_eq!(it.refuse(twice).await, Refused::TokenSpent);
    it.commit(one(Change::SpendToken(token(2, 2000)))).await;
    let tokens = it.ledger.recover().await.unwrap().tokens;
    assert_eq!(tokens.len(), 2);
    assert!(tokens.contains(&token(1, 1000)) && tokens.contains(&token(2, 2000)));
}

async fn tokens_that_expired_are_forgotten_oldest_first(it: Fixture) {
    let spent = (0..1500)
        .fold(Transaction::new(), |spent, number| spent.with(Change::SpendToken(token(number, 10_000 - number))));
    it.commit(spent).await;
    it.commit(one(Change::ForgetTokens(at(20_000)))).await;
    let mut left = it.ledger.recover().await.unwrap().tokens;
    left.sort_by_key(|token| token.expires_at);
    assert_eq!((left.len(), left[0].expires_at), (500, at(9501)), "a thousand at a time");
    it.commit(one(Change::ForgetTokens(at(9600)))).await;
    assert_eq!(it.ledger.recover().await.unwrap().tokens.len(), 401);
}

async fn strikes_are_replaced_forgiven_and_forgotten(it: Fixture) {
    let strike = |session: &str, count, until| StrikeRow { session: session.to_owned(), count, until: at(until) };
    for row in [strike("a", 1, 1000), strike("a", 2, 3000), strike("b", 1, 2000), strike("c", 7, 9000)] {
        it.commit(one(Change::PutStrike(row))).await;
    }
    it.commit(one(Change::RemoveStrike("b".to_owned()))).await;
    assert_eq!(it.ledger.recover().await.unwrap().strikes, [strike("a", 2, 3000), strike("c", 7, 9000)]);
    it.commit(one(Change::ForgetStrikes(at(3001)))).await;
    assert_eq!(it.ledger.recover().await.unwrap().strikes, [strike("c", 7, 9000)]);
}
