use super::{
    tables::{TOKEN_LIFETIME, UNCLAIMED_LIMIT},
    *,
};
use crate::clock::ManualClock;
use std::net::IpAddr;

fn sessions() -> (Arc<ManualClock>, Sessions) {
    let clock = Arc::new(ManualClock::default());
    (clock.clone(), Sessions::new(clock))
}

#[test]
fn use_keeps_a_session_and_idleness_ends_it() {
    let (clock, sessions) = sessions();
    let token = sessions.open(None, Passed::default()).unwrap().token;
    for _ in 0..3 {
        clock.advance(IDLE_LIMIT - Duration::from_secs(1));
        assert!(sessions.by_cookie(&token).is_some());
    }
    clock.advance(IDLE_LIMIT);
    assert_eq!(sessions.by_cookie(&token), None);
}

#[test]
fn an_accepted_token_is_bound_to_its_address_for_five_minutes() {
    let (clock, sessions) = sessions();
    let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    let here_key = TokenKey::new("secret", here);
    let TokenSession { session, is_new } = sessions.accept_token(&here_key).unwrap();
    assert!(is_new);
    let again = sessions.accept_token(&here_key).unwrap();
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
