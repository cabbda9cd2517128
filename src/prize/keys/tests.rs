use super::*;
use crate::{
    clock::ManualClock,
    ledger::{MemoryLedger, Seq, WallTime},
};

struct Fixture {
    ledger: Arc<dyn Ledger>,
    clock: Arc<ManualClock>,
    doorkeeper: Doorkeeper,
}

fn fixture() -> Fixture {
    let clock = Arc::new(ManualClock::default());
    let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::new(clock.clone()));
    let doorkeeper = Doorkeeper::new(ledger.clone(), clock.clone());
    Fixture { ledger, clock, doorkeeper }
}

fn scopes(names: &[&str]) -> Scopes {
    Scopes::named(names.iter().copied()).unwrap()
}

impl Fixture {
    async fn create(&self, name: &str, names: &[&str]) -> Result<NewSecret, KeyError> {
        create(&*self.ledger, name, &scopes(names), "root".to_owned(), "for the shop".to_owned()).await
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_good_until_it_is_revoked() {
    let it = fixture();
    let secret = it.create("shop", &["codes:redeem", "codes:read", "codes:read"]).await.unwrap();
    let digits = secret.reveal().strip_prefix("hpk_").unwrap();
    assert!(digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert!(!format!("{secret:?}").contains(digits));
    let caller = it.doorkeeper.admit(secret.reveal()).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.scopes.to_string().as_str()), ("shop", "codes:read codes:redeem"));
    for wrong in ["", "hpk_", digits, &secret.reveal().to_uppercase(), &format!("{} ", secret.reveal())] {
        assert!(matches!(it.doorkeeper.admit(wrong).await, Err(NotAdmitted::InvalidKey)), "{wrong}");
    }
    revoke(&*it.ledger, "shop", "root".to_owned(), "lost".to_owned()).await.unwrap();
    assert!(matches!(it.doorkeeper.admit(secret.reveal()).await, Err(NotAdmitted::InvalidKey)));
    assert!(list(&*it.ledger).await.unwrap()[0].revoked_at.is_some());
    let entries = it.ledger.entries_after(Seq(0), 9).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| entry.text().to_owned()).collect();
    assert_eq!(told.len(), 2, "the ledger says who did what");
    assert!(told[0].contains("create the API key shop") && told[1].contains("revoke the API key shop"), "{told:?}");
    assert!(!told.concat().contains(digits));
}

#[tokio::test]
async fn names_and_scopes_have_rules() {
    let it = fixture();
    for name in ["", "a b", "a\n", "é", "a/b", &"x".repeat(65)] {
        assert!(matches!(it.create(name, &["codes:read"]).await, Err(KeyError::BadName)), "{name:?}");
    }
    it.create(&"x".repeat(64), &["codes:read"]).await.unwrap();
    it.create("shop-1.b_c", &["codes:read"]).await.unwrap();
    let again = it.create("shop-1.b_c", &["codes:read"]).await.unwrap_err();
    assert!(matches!(again, KeyError::Refused(Refused::KeyNameUsed(_))), "{again}");
    assert_eq!(Scopes::named([]), Err(InvalidScopes::None));
    let unknown = Scopes::named(["codes:read", "codes"]).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        r#"there is no scope "codes": take some of codes:read, codes:redeem, codes:revoke, codes:identity"#
    );
    let newer = Scopes::stored("codes:read codes:everything");
    assert_eq!(newer, scopes(&["codes:read"]), "what is not known here is good for nothing here");
}

#[tokio::test]
async fn a_key_has_two_hundred_calls_at_once_and_a_hundred_a_second() {
    let it = fixture();
    let (shop, desk) =
        (it.create("shop", &["codes:read"]).await.unwrap(), it.create("desk", &["codes:read"]).await.unwrap());
    let granted = async |tries: u32| {
        let mut granted = 0;
        for _ in 0..tries {
            granted += u32::from(it.doorkeeper.admit(shop.reveal()).await.is_ok());
        }
        granted
    };
    assert_eq!(granted(300).await, 200);
    let refused = it.doorkeeper.admit(shop.reveal()).await;
    assert!(matches!(refused, Err(NotAdmitted::TooMany { retry_after }) if retry_after <= Duration::from_millis(10)));
    it.doorkeeper.admit(desk.reveal()).await.unwrap();
    it.clock.advance(Duration::from_secs(1));
    assert_eq!(granted(300).await, 100);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_noted_once_a_minute() {
    let it = fixture();
    let shop = it.create("shop", &["codes:read"]).await.unwrap();
    let used = async || list(&*it.ledger).await.unwrap()[0].last_used_at.map(WallTime::milliseconds);
    assert_eq!(used().await, None);
    for (wait, expected) in [(1, 1_000), (59, 1_000), (1, 61_000)] {
        it.clock.advance(Duration::from_secs(wait));
        it.doorkeeper.admit(shop.reveal()).await.unwrap();
        assert_eq!(used().await, Some(expected));
    }
}
