use super::{tables::UNCLAIMED_LIMIT, *};
use crate::clock::ManualClock;
use crate::identity::session::UNPROVEN_LIMIT;
use std::net::IpAddr;

fn sessions() -> (Arc<ManualClock>, Sessions) {
    let clock = Arc::new(ManualClock::default());
    (clock.clone(), Sessions::new(clock))
}

#[test]
fn use_keeps_a_session_and_idleness_ends_it() {
    let (clock, sessions) = sessions();
    let NewSession { session, token } = sessions.open(None, Passed::default()).unwrap();
    sessions.prove(&session.id);
    for _ in 0..3 {
        clock.advance(IDLE_LIMIT - Duration::from_secs(1));
        assert!(sessions.by_cookie(&token).is_some());
    }
    clock.advance(IDLE_LIMIT);
    assert_eq!(sessions.by_cookie(&token), None);
}

#[test]
fn who_has_shown_nothing_is_forgotten_after_minutes_and_who_has_after_days() {
    let (clock, sessions) = sessions();
    let open = || sessions.open(None, Passed::default()).unwrap();
    let (shown, used, unused) = (open(), open(), open());
    sessions.prove(&shown.session.id);
    clock.advance(UNPROVEN_LIMIT - Duration::from_secs(1));
    sessions.touch(&used.session.client);
    clock.advance(Duration::from_secs(1));
    assert_eq!(sessions.by_cookie(&unused.token), None);
    assert!(sessions.by_cookie(&used.token).is_some());
    clock.advance(IDLE_LIMIT - UNPROVEN_LIMIT - Duration::from_secs(1));
    assert!(sessions.by_cookie(&shown.token).is_some() && sessions.is_proven(&shown.session.id));
    assert_eq!(sessions.by_cookie(&used.token), None);
    assert_eq!(sessions.unproven_part(), 0.0);
}

#[test]
fn a_full_table_forgets_the_unused_and_then_the_oldest_of_the_proven() {
    let clock = Arc::new(ManualClock::default());
    let sessions = Sessions::with_room_for(4, clock.clone());
    let open = || {
        clock.advance(Duration::from_secs(1));
        sessions.open(None, Passed::default()).unwrap()
    };
    let lives = |new: &NewSession| sessions.is_alive(&new.session.client);
    let (proven, one, two, three) = (open(), open(), open(), open());
    sessions.prove(&proven.session.id);
    clock.advance(Duration::from_secs(1));
    sessions.touch(&one.session.client);
    let four = open();
    assert_eq!([&proven, &one, &two, &three, &four].map(lives), [true, true, false, true, true]);
    assert!(!sessions.is_nick_taken(&two.session.nick), "its nick is free");
    // A client more of the oldest costs another one its place.
    clock.advance(Duration::from_secs(1));
    let second = sessions.add_client(&proven.session.id).unwrap();
    assert_eq!([&second, &proven, &one, &three, &four].map(lives), [true, true, true, false, true]);
    // Those that have shown work may not fill the table.
    for new in [&one, &four] {
        sessions.prove(&new.session.id);
    }
    let newcomer = open();
    assert_eq!([&proven, &second, &one, &four, &newcomer].map(lives), [false, true, true, true, true]);
    let next = open();
    assert_eq!([&second, &one, &four, &newcomer, &next].map(lives), [true, true, true, false, true]);
}

#[test]
fn an_accepted_token_is_bound_to_its_address_for_five_minutes() {
    let (clock, sessions) = sessions();
    let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    let here_key = TokenKey::new("secret", here);
    let TokenSession { session, is_new } = sessions.accept_token(&here_key);
    assert!(is_new);
    let again = sessions.accept_token(&here_key);
    assert_eq!(again, TokenSession { session: session.clone(), is_new: false });
    assert_eq!(sessions.by_token(&here_key), Some(session));
    assert_eq!(sessions.by_token(&TokenKey::new("secret", there)), None);
    assert_eq!(sessions.by_token(&TokenKey::new("Secret", here)), None);
    clock.advance(TOKEN_LIFETIME);
    assert_eq!(sessions.by_token(&here_key), None);
}

#[test]
fn the_first_visitor_id_stays() {
    let (_, sessions) = sessions();
    let session = sessions.open(None, Passed::default()).unwrap().session;
    let (one, two) = ("visitor-1".parse().unwrap(), "visitor-2".parse().unwrap());
    assert_eq!(sessions.bind_visitor(&session, &one), Ok(()));
    assert_eq!(sessions.bind_visitor(&session, &one), Ok(()));
    assert_eq!(sessions.bind_visitor(&session, &two), Err(OtherVisitor));
}

#[test]
fn a_nick_belongs_to_one_session_until_that_ends() {
    let (clock, sessions) = sessions();
    let bob: Nick = "Bob".parse().unwrap();
    let first = sessions.open(Some(bob.clone()), Passed::default()).unwrap();
    let taken = sessions.open(Some("bOB".parse().unwrap()), Passed::default());
    assert_eq!(taken.unwrap_err(), OpenError::NickTaken);

    // The own nick in another case is no collision; the old one is free after a change.
    let id = &first.session.id;
    assert_eq!(sessions.rename(id, &"BOB".parse().unwrap()), Ok(()));
    assert_eq!(sessions.rename(id, &"rob".parse().unwrap()), Ok(()));
    let second = sessions.open(Some(bob.clone()), Passed::default()).unwrap();
    assert_eq!(sessions.rename(id, &bob), Err(OpenError::NickTaken));

    // A session ends with its last client.
    let other = sessions.add_client(&second.session.id).unwrap();
    assert!(!sessions.close_client(&second.session.client) && sessions.is_nick_taken(&bob));
    assert!(sessions.close_client(&other.session.client) && !sessions.is_nick_taken(&bob));
    assert_eq!(sessions.add_client(&second.session.id).unwrap_err(), OpenError::Ended);

    clock.advance(IDLE_LIMIT);
    assert_eq!(sessions.sweep(), std::slice::from_ref(id));
    assert!(!sessions.is_nick_taken(&"rob".parse().unwrap()));
}

#[test]
fn a_nick_is_given_on_if_nobody_comes_with_the_cookie_in_time() {
    let (clock, sessions) = sessions();
    let open = |nick: &str| sessions.open(Some(nick.parse().unwrap()), Passed::default()).unwrap();
    let (lost, bob) = (open("bob").session.id, "bob".parse().unwrap());
    let claimed = open("ann");
    assert!(sessions.by_cookie(&claimed.token).is_some());
    assert_eq!(sessions.unclaimed_for(&bob), Some(UNCLAIMED_LIMIT));
    assert_eq!(sessions.end_unclaimed(&bob), None, "not yet");
    clock.advance(UNCLAIMED_LIMIT);
    assert_eq!(sessions.unclaimed_for(&bob), Some(Duration::ZERO));
    assert_eq!(sessions.end_unclaimed(&bob), Some(lost));
    assert!(!sessions.is_nick_taken(&bob));
    // Whoever has come once may stay away as long as everybody else.
    let ann = "ann".parse().unwrap();
    assert_eq!((sessions.unclaimed_for(&ann), sessions.end_unclaimed(&ann)), (None, None));
    assert!(sessions.is_alive(&claimed.session.client));
}

#[test]
fn gates_add_up_and_are_never_lost() {
    let (_, sessions) = sessions();
    let new = sessions.open(None, Passed { human: false, stamped: true }).unwrap();
    sessions.upgrade(&new.session.id, Passed { human: true, stamped: false });
    let found = sessions.by_cookie(&new.token).unwrap();
    assert_eq!(found.passed, Passed { human: true, stamped: true });
}

proptest::proptest! {
    /// Whatever an attacker opens, uses and renames: an honest newcomer gets in and is not
    /// the next to go, who is proven stays, and the books agree.
    #[test]
    fn a_newcomer_gets_in_and_the_proven_stay(
        attack in proptest::collection::vec((0_u8..4, 0_usize..40, 0_u64..3), 1..200), most in 8_usize..20,
    ) {
        let clock = Arc::new(ManualClock::default());
        let sessions = Sessions::with_room_for(most, clock.clone());
        let proven = sessions.open(None, Passed::default()).unwrap();
        sessions.prove(&proven.session.id);
        let mut attackers: Vec<NewSession> = Vec::new();
        for (what, which, wait) in attack {
            clock.advance(Duration::from_secs(wait));
            match (what, attackers.get(which)) {
                (0, Some(one)) => sessions.touch(&one.session.client),
                (1, Some(one)) => drop(sessions.close_client(&one.session.client)),
                (2, _) => drop(sessions.accept_token(&TokenKey::new(&which.to_string(), IpAddr::from([10, 0, 0, 1])))),
                _ => attackers.push(sessions.open(None, Passed::default()).unwrap()),
            }
            let tables = sessions.lock();
            proptest::prop_assert!(tables.clients.len() <= most);
            let clients: usize = tables.sessions.values().map(|record| record.clients.len()).sum();
            proptest::prop_assert_eq!(clients, tables.clients.len());
            let reserved = tables.sessions.values().filter(|record| record.nick_is_reserved).count();
            proptest::prop_assert_eq!(reserved, tables.nicks.len());
        }
        clock.advance(Duration::from_secs(1));
        let newcomer = sessions.open(None, Passed::default()).unwrap();
        sessions.open(None, Passed::default()).unwrap();
        proptest::prop_assert!(sessions.by_cookie(&newcomer.token).is_some());
        proptest::prop_assert!(sessions.by_cookie(&proven.token).is_some());
    }
}
