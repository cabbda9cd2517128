//! Who counts, told moment by moment, and the laws that hold whatever happens.

#![allow(clippy::unwrap_used, reason = "a test may end where it finds a surprise")]

use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

const ROUND: RoundNumber = RoundNumber(1);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn session(n: u64) -> SessionId {
    SessionId(n.to_string())
}

fn network(n: u8) -> Network {
    IpAddr::from([192, 0, 2, n]).into()
}

fn hash(n: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&n.to_be_bytes());
    Hash::from_bytes(bytes)
}

/// With the usual interval: on probation for 60 s, proven for 180 s.
fn miners() -> Miners {
    Miners::new(ProofInterval::DEFAULT)
}

impl Miners {
    /// A share that is computed at once and is right.
    fn show(&mut self, who: &SessionId, hash: Hash, now: Duration) -> Result<usize, ShareRefusal> {
        let most_waiting = self.admit_share(who, ROUND, hash, now)?;
        self.prove(who, now);
        Ok(most_waiting)
    }

    /// When `who` counts, in whole seconds up to `end`.
    fn times(&self, who: &SessionId, end: u64) -> Vec<(u64, u64)> {
        let mut times: Vec<(u64, u64)> = Vec::new();
        for second in (0..end).filter(|second| self.counts(who, seconds(*second))) {
            match times.last_mut() {
                Some((_, until)) if *until == second => *until += 1,
                _ => times.push((second, second + 1)),
            }
        }
        times
    }
}

#[test]
fn without_a_proof_a_session_counts_for_a_minute_once() {
    let (mut all, one) = (miners(), session(1));
    assert!(!all.counts(&one, seconds(5)));
    all.start(&one, network(1), seconds(10));
    assert_eq!((all.times(&one, 500), all.clock_until()), (vec![(10, 70)], seconds(70)));
    // Neither stopping nor another connection makes it longer.
    all.stop(&one, seconds(20));
    assert_eq!((all.counts(&one, seconds(30)), all.clock_until()), (false, seconds(0)));
    all.start(&one, network(1), seconds(50));
    all.start(&one, network(2), seconds(60));
    assert_eq!((all.times(&one, 500), all.clock_until()), (vec![(50, 70)], seconds(70)));
    all.stop(&one, seconds(61));
    all.stop(&one, seconds(61));
    all.start(&one, network(3), seconds(62));
    assert_eq!(all.clock_until(), seconds(70), "not even from another network");
    all.start(&one, network(1), seconds(90_000));
    assert_eq!(all.times(&one, 100_000), [(62, 70)]);
}

#[test]
fn one_network_has_one_probation_an_hour() {
    let mut all = miners();
    all.start(&session(1), network(1), seconds(0));
    all.stop(&session(1), seconds(1));
    all.start(&session(2), network(1), seconds(2));
    assert!(!all.counts(&session(2), seconds(2)) && all.clock_until() == seconds(0));
    all.start(&session(3), network(2), seconds(3));
    assert!(all.counts(&session(3), seconds(3)), "another network has its own");
    all.start(&session(4), network(1), seconds(3599));
    assert!(!all.counts(&session(4), seconds(3599)));
    all.start(&session(5), network(1), seconds(3600));
    assert!(all.counts(&session(5), seconds(3600)));
}

#[test]
fn a_share_proves_a_session_for_three_minutes() {
    let (mut all, one) = (miners(), session(1));
    assert_eq!(all.show(&one, hash(1), seconds(0)), Err(ShareRefusal::NotMining));
    all.start(&one, network(1), seconds(0));
    assert_eq!(all.show(&one, hash(1), seconds(50)), Ok(MOST_WAITING));
    assert_eq!((all.times(&one, 500), all.clock_until()), (vec![(0, 230)], seconds(230)));
    assert_eq!(all.show(&one, hash(2), seconds(110)), Ok(MOST_WAITING));
    assert_eq!(all.times(&one, 500), [(0, 290)]);
    // A share after a lapse begins anew.
    assert_eq!(all.show(&one, hash(3), seconds(400)), Ok(MOST_WAITING));
    assert_eq!((all.times(&one, 700), all.clock_until()), (vec![(0, 60), (400, 580)], seconds(580)));
    all.stop(&one, seconds(410));
    assert!(all.counts(&one, seconds(409)) && !all.counts(&one, seconds(410)));
    assert_eq!(all.show(&one, hash(4), seconds(420)), Err(ShareRefusal::NotMining));
    // Its proof waits for it.
    all.start(&one, network(1), seconds(500));
    assert_eq!(all.clock_until(), seconds(580));
}

#[test]
fn a_hash_proves_one_session_once() {
    let (mut all, one, two) = (miners(), session(1), session(2));
    all.start(&one, network(1), seconds(0));
    all.start(&two, network(2), seconds(0));
    assert!(all.show(&one, hash(1), seconds(10)).is_ok());
    assert_eq!(all.show(&one, hash(1), seconds(100)), Err(ShareRefusal::Spent));
    assert_eq!(all.show(&two, hash(1), seconds(100)), Err(ShareRefusal::Spent));
    assert_eq!(all.clock_until(), seconds(190), "a replay extends nothing");
    // What was not computed may be sent again, and of the next round nothing is known.
    assert!(all.admit_share(&two, ROUND, hash(2), seconds(120)).is_ok());
    all.drop_share(&two, &hash(2), seconds(120));
    assert!(!all.counts(&two, seconds(120)));
    assert!(all.show(&two, hash(2), seconds(120)).is_ok());
    assert!(all.admit_share(&one, RoundNumber(2), hash(1), seconds(130)).is_ok());
}

#[test]
fn shares_come_one_at_a_time_and_not_too_often() {
    let (mut all, one) = (miners(), session(1));
    all.start(&one, network(1), seconds(0));
    assert!(all.admit_share(&one, ROUND, hash(1), seconds(1)).is_ok());
    assert_eq!(all.admit_share(&one, ROUND, hash(2), seconds(50)), Err(ShareRefusal::TooSoon));
    all.prove(&one, seconds(1));
    assert_eq!(all.show(&one, hash(3), seconds(15)), Err(ShareRefusal::TooSoon));
    assert!(all.show(&one, hash(3), seconds(16)).is_ok());
}

#[test]
fn a_false_share_ends_counting_whatever_follows() {
    let (mut all, one) = (miners(), session(1));
    all.start(&one, network(1), seconds(0));
    assert!(all.show(&one, hash(1), seconds(1)).is_ok());
    assert!(all.admit_share(&one, ROUND, hash(2), seconds(20)).is_ok());
    all.discredit(&one, seconds(20));
    assert_eq!((all.times(&one, 500), all.clock_until()), (vec![], seconds(0)));
    assert_eq!(all.show(&one, hash(3), seconds(40)), Err(ShareRefusal::Discredited));
    all.believe(&one, seconds(41));
    all.stop(&one, seconds(42));
    all.start(&one, network(2), seconds(43));
    assert_eq!((all.times(&one, 500), all.figures_in(&one, seconds(44))), (vec![], None));
    all.forget(seconds(1_000_000));
    assert_eq!(all.show(&one, hash(4), seconds(1_000_000)), Err(ShareRefusal::Discredited), "while it is connected");
}

#[test]
fn a_win_is_a_proof() {
    let (mut all, one) = (miners(), session(1));
    all.start(&one, network(1), seconds(0));
    all.believe(&one, seconds(1000));
    assert_eq!((all.times(&one, 2000), all.clock_until()), (vec![(0, 60), (1000, 1180)], seconds(1180)));
    // A winner that never said that it mines is not remembered.
    all.believe(&session(2), seconds(1000));
    assert_eq!(all.sessions.len(), 1);
}

#[test]
fn a_start_after_the_ticket_was_taken_comes_too_late() {
    let (mut all, one) = (miners(), session(1));
    all.start(&one, network(1), seconds(10));
    assert!(!all.counts(&one, seconds(9)));
    // And a stop after it takes nothing away.
    all.stop(&one, seconds(20));
    assert!(all.counts(&one, seconds(19)));
}

#[test]
fn with_many_proven_the_rest_is_trusted_for_the_figures_only() {
    let mut all = miners();
    for n in 0..9 {
        all.start(&session(n), network(1), seconds(0));
        assert_eq!(all.show(&session(n), hash(n), seconds(0)), Ok(MOST_WAITING));
    }
    let late = session(9);
    all.start(&late, network(1), seconds(1));
    assert_eq!(all.admit_share(&late, ROUND, hash(9), seconds(1)), Ok(1), "only when there is time");
    all.drop_share(&late, &hash(9), seconds(1));
    assert_eq!(all.figures_in(&late, seconds(100)), Some(network(1)));
    assert_eq!(all.figures_in(&late, seconds(181)), None);
    assert!(!all.counts(&late, seconds(1)), "the clock needs more than trust");
    for n in 0..9 {
        all.stop(&session(n), seconds(2));
    }
    assert_eq!(all.clock_until(), seconds(0));
}

#[test]
fn networks_are_addresses_or_the_first_half_of_them() {
    let of = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[test]
fn all_of_a_wide_network_have_a_multiple_of_its_probations() {
    let mut all = miners();
    let counting = (0..256).filter(|n| {
        all.start(&session(*n), network(*n as u8), seconds(1));
        all.counts(&session(*n), seconds(1))
    });
    assert_eq!(counting.count(), 8, "of the addresses of a /24");
}

#[test]
fn false_shares_of_a_network_are_computed_only_so_often_unless_a_session_is_proven() {
    let mut all = miners();
    let (proven, liars) = (session(1000), 0..100);
    all.start(&proven, network(1), seconds(0));
    assert!(all.show(&proven, hash(1000), seconds(0)).is_ok());
    let computed = liars.filter(|n| {
        all.start(&session(*n), network(1), seconds(1));
        let admitted = all.admit_share(&session(*n), ROUND, hash(*n), seconds(1)).is_ok();
        all.discredit(&session(*n), seconds(1));
        admitted
    });
    assert_eq!(computed.count(), FALSE_SHARES_OF_A_NETWORK as usize);
    assert!(all.show(&proven, hash(2000), seconds(60)).is_ok());
    all.start(&session(2000), network(2), seconds(60));
    assert!(all.show(&session(2000), hash(3000), seconds(60)).is_ok(), "another network is not concerned");
}

#[test]
fn sessions_that_came_and_went_keep_nobody_from_counting() {
    let mut all = miners();
    let address = |n: u64| Network::from(IpAddr::from((n as u32 * 256).to_be_bytes()));
    let many = MOST_REMEMBERED as u64 + 100;
    all.start(&session(many), address(many), seconds(0));
    assert!(all.show(&session(many), hash(1), seconds(0)).is_ok());
    for n in 0..many {
        all.start(&session(n), address(n), seconds(1));
        all.stop(&session(n), seconds(1));
        assert!(all.sessions.len() <= MOST_REMEMBERED);
    }
    let newcomer = session(many + 1);
    all.start(&newcomer, address(many + 1), seconds(2));
    assert!(all.counts(&newcomer, seconds(2)) && all.counts(&session(many), seconds(2)));
    // Nor do those that stay and show nothing.
    for n in 0..many {
        all.start(&session(n), address(n), seconds(3 + n / 8192));
        assert!(all.sessions.len() <= MOST_REMEMBERED);
    }
    assert!(all.counts(&session(many), seconds(20)), "who is proven stays");
    all.start(&session(many + 2), address(many + 2), seconds(20));
    assert!(all.counts(&session(many + 2), seconds(20)));
    // The clock knows of all who went.
    for n in 0..many + 3 {
        all.stop(&session(n), seconds(21));
    }
    assert_eq!((all.clock_until(), all.ends.len()), (seconds(0), 0));
    all.forget(seconds(3700));
    assert_eq!((all.sessions.len(), all.probations.networks()), (0, 0));
}

#[test]
fn spent_hashes_are_bounded() {
    let mut spent = Spent::default();
    for n in 0..3 * MOST_SPENT as u64 {
        assert!(spent.spend(ROUND, hash(n)));
        assert!(spent.younger.len() + spent.older.len() <= 2 * MOST_SPENT);
    }
    assert!(!spent.spend(ROUND, hash(2 * MOST_SPENT as u64)));
}

#[derive(Clone, Debug)]
enum Act {
    Start(u64, u8),
    Stop(u64),
    Share(u64, u64),
    Lie(u64, u64),
    Win(u64),
    Forget,
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let act = prop_oneof![
        4 => (0u64..4, 0u8..3).prop_map(|(who, network)| Act::Start(who, network)),
        3 => (0u64..4).prop_map(Act::Stop),
        2 => (0u64..4, 0u64..20).prop_map(|(who, hash)| Act::Share(who, hash)),
        1 => (0u64..4, 0u64..20).prop_map(|(who, hash)| Act::Lie(who, hash)),
        1 => (0u64..4).prop_map(Act::Win),
        1 => Just(Act::Forget),
    ];
    prop::collection::vec((0u64..300, act), 1..80)
}

proptest! {
    #[test]
    fn whatever_happens_the_laws_hold(acts in acts()) {
        let mut all = miners();
        let mut now = seconds(0);
        // Per session and per network: seconds on the clock without any proof.
        let mut unproven: HashMap<u8, u64> = HashMap::new();
        let mut home: HashMap<u64, u8> = HashMap::new();
        for (wait, act) in acts {
            for second in 0..wait {
                let at = now + seconds(second);
                let mut anybody = false;
                let mut on_probation = HashSet::new();
                for who in 0..4 {
                    let counts = all.counts(&session(who), at);
                    anybody |= counts;
                    let miner = all.sessions.get(&session(who));
                    prop_assert!(!counts || miner.is_some_and(|miner| 0 < miner.mining && !miner.discredited));
                    prop_assert!(!counts || all.figures_in(&session(who), at).is_some());
                    if counts && !miner.is_some_and(|miner| miner.is_proven(at)) {
                        on_probation.extend(home.get(&who));
                    }
                }
                // The clock runs exactly while somebody counts.
                prop_assert_eq!(anybody, at < all.clock_until(), "at {:?}", at);
                for network in on_probation {
                    *unproven.entry(network).or_default() += 1;
                }
            }
            now += seconds(wait);
            match act {
                Act::Start(who, address) => {
                    let fresh = all.sessions.get(&session(who)).is_none_or(|miner| miner.probation.is_none());
                    all.start(&session(who), network(address), now);
                    if fresh {
                        home.insert(who, address);
                    }
                }
                Act::Stop(who) => all.stop(&session(who), now),
                Act::Share(who, number) => drop(all.show(&session(who), hash(number), now)),
                Act::Lie(who, number) => {
                    if all.admit_share(&session(who), ROUND, hash(number), now).is_ok() {
                        all.discredit(&session(who), now);
                    }
                }
                Act::Win(who) => all.believe(&session(who), now),
                Act::Forget => all.forget(now),
            }
        }
        let hours = now.as_secs() / 3600 + 1;
        for (network, time) in unproven {
            prop_assert!(time <= 60 * hours, "network {network}: {time} s in {hours} h");
        }
    }
}
