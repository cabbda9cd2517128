use super::*;
use crate::clock::ManualClock;

fn sessions() -> (Arc<ManualClock>, Sessions) {
    let clock = Arc::new(ManualClock::default());
    (clock.clone(), Sessions::new(clock))
}

fn with_cookie(line: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())])
}

#[test]
fn a_cookie_finds_its_session_and_nothing_else_does() {
    let (_, sessions) = sessions();
    let new = sessions.open(None, Passed::default()).unwrap();
    let found = |line: &str| sessions.by_cookie(&with_cookie(line));
    assert_eq!(found(&format!("a=b; {COOKIE}={}; c=d", new.token)), Some(new.session.clone()));
    assert_eq!(found(&format!("{COOKIE}={}", "0".repeat(64))), None);
    assert_eq!(found(&format!("{COOKIE}=short")), None);
    assert_eq!(found(&format!("x{COOKIE}={}", new.token)), None);
    assert!(!new.token.contains(&new.session.id.0), "the id must not grant the session");
}

#[test]
fn use_keeps_a_session_and_idleness_ends_it() {
    let (clock, sessions) = sessions();
    let line = format!("{COOKIE}={}", sessions.open(None, Passed::default()).unwrap().token);
    for _ in 0..3 {
        clock.advance(IDLE_LIMIT - Duration::from_secs(1));
        assert!(sessions.by_cookie(&with_cookie(&line)).is_some());
    }
    clock.advance(IDLE_LIMIT);
    assert_eq!(sessions.by_cookie(&with_cookie(&line)), None);
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
    assert_eq!(sessions.claim_visitor(&session, &one), Ok(()));
    assert_eq!(sessions.claim_visitor(&session, &one), Ok(()));
    assert_eq!(sessions.claim_visitor(&session, &two), Err(OtherVisitor));
}

#[test]
fn the_cookie_has_its_attributes() {
    assert_eq!(set_cookie("abc", true), "neoirc_auth=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure");
    assert!(!set_cookie("abc", false).contains("Secure"));
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
    assert!(sessions.by_cookie(&with_cookie(&format!("{COOKIE}={}", claimed.token))).is_some());
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
    let found = sessions.by_cookie(&with_cookie(&format!("{COOKIE}={}", new.token))).unwrap();
    assert_eq!(found.passed, Passed { human: true, stamped: true });
}
