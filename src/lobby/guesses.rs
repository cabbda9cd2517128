//! Guessing of passwords, made slow for whoever guesses, and for nobody else.
//!
//! Many networks may guess at one nick together: so wrong passwords are counted for the
//! nick, and after a few each doubles the time until the next may be tried. That must
//! not lock the owner out: networks from which the owner was here before are counted on
//! their own. And whatever is tried must not burn the processor: so many hashes a
//! second are computed for strangers, and as many for those who are known, and one
//! network has a share of either.

use super::{error::LobbyError, store::StoreError};
use crate::{
    gate::{
        limits::{Allowances, Bucket},
        network::Network,
        table::insert_within,
    },
    identity::nick::Folded,
    lock::lock,
};
use std::{collections::HashMap, net::IpAddr, sync::Mutex, time::Duration};

/// How many wrong passwords cost no time.
const FREE_FAILURES: u32 = 5;

/// How long the next one has to wait; each that follows twice as long …
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// … but no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// After so long without any they are forgotten.
const MEMORY: Duration = Duration::from_secs(3600);

/// How many nicks' failures are remembered.
const MOST_ACCOUNTS: usize = 10_000;

/// Hashes a second, and at once: each takes some 20 ms of one core, so that this is a
/// tenth of it.
const HASHES_PER_SECOND: f64 = 5.0;
const HASHES_AT_ONCE: f64 = 20.0;

/// How many of them one network may have at once, and in so long a time: in the long run
/// a thirtieth of all, and the widest network that there is half of them.
const HASHES_OF_A_NETWORK: u32 = 5;
const SHARE_PERIOD: Duration = Duration::from_secs(30);

/// The most bytes of a nick that are told apart.
const LONGEST_NICK: usize = 64;

/// Wrong passwords of late.
#[derive(Debug)]
pub(super) struct Guesses {
    accounts: Mutex<HashMap<Account, Failures>>,
    strangers: Mutex<Budget>,
    known: Mutex<Budget>,
}

/// How many hashes may be computed, by everybody and by each network.
#[derive(Debug)]
struct Budget {
    all: Bucket,
    shares: Allowances,
}

/// A nick as it is tried from one network that it knows, or from all others together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Account {
    nick: Folded,
    known: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Duration,
}

/// A password that may be tried. It counts as wrong until it was found to be right.
#[derive(Debug)]
pub(super) struct Guess(Account, Network);

impl Failures {
    /// Before which the next may not be tried.
    fn until(self) -> Duration {
        let doublings = self.count.checked_sub(FREE_FAILURES);
        let wait = doublings.map_or(Duration::ZERO, |doublings| {
            FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT)
        });
        self.last + wait
    }
}

impl Guesses {
    pub(super) fn new(now: Duration) -> Self {
        let full = || {
            let all = Bucket::full(HASHES_AT_ONCE, now);
            Mutex::new(Budget { all, shares: Allowances::new(HASHES_OF_A_NETWORK, SHARE_PERIOD) })
        };
        Self { accounts: Mutex::default(), strangers: full(), known: full() }
    }

    /// Lets a password for a nick be tried. `known` is the network if the nick's owner
    /// was there before.
    ///
    /// # Errors
    /// [`LobbyError::TooFast`] after too many wrong ones for this nick or from this
    /// network, and [`StoreError::Busy`] while too many are tried altogether. Then there
    /// must be no hash.
    pub(super) fn begin(
        &self,
        nick: &str,
        known: Option<String>,
        address: IpAddr,
        now: Duration,
    ) -> Result<Guess, LobbyError> {
        let nick = Folded::of(&nick[..nick.floor_char_boundary(LONGEST_NICK)]);
        let account = Account { nick, known };
        let mut accounts = lock(&self.accounts);
        let before = accounts.get(&account).copied().filter(|failures| now < failures.last + MEMORY);
        let retry_after = before.map_or(Duration::ZERO, Failures::until).saturating_sub(now);
        if !retry_after.is_zero() {
            return Err(LobbyError::TooFast { retry_after });
        }
        self.take(account.known.is_some(), address.into(), now)?;
        let failures = Failures { count: before.map_or(0, |failures| failures.count).saturating_add(1), last: now };
        insert_within(&mut accounts, MOST_ACCOUNTS, account.clone(), failures, |failures| {
            (failures.count, failures.last)
        });
        Ok(Guess(account, address.into()))
    }

    /// The password was right: it counts as if it had not been tried, and so do those
    /// before it.
    pub(super) fn was_right(&self, guess: Guess) {
        let Guess(account, network) = guess;
        let mut budget = lock(self.budget(account.known.is_some()));
        budget.all.put_back();
        budget.shares.give_back(network);
        drop(budget);
        lock(&self.accounts).remove(&account);
    }

    /// Takes a hash for somebody who is logged in and sets a password.
    ///
    /// # Errors
    /// [`LobbyError::TooFast`], [`StoreError::Busy`].
    pub(super) fn take_for_known(&self, address: IpAddr, now: Duration) -> Result<(), LobbyError> {
        self.take(true, address.into(), now)
    }

    fn take(&self, known: bool, network: Network, now: Duration) -> Result<(), LobbyError> {
        let Budget { all, shares } = &mut *lock(self.budget(known));
        shares.check(network, now).map_err(|retry_after| LobbyError::TooFast { retry_after })?;
        all.take(HASHES_PER_SECOND, HASHES_AT_ONCE, now).map_err(|_| LobbyError::Store(StoreError::Busy))?;
        // Checked above.
        let _ = shares.take(network, now);
        Ok(())
    }

    const fn budget(&self, known: bool) -> &Mutex<Budget> {
        if known { &self.known } else { &self.strangers }
    }
}

/// The wide network of an address, /24 or /48, as it is remembered.
pub(super) fn wide_network(address: IpAddr) -> String {
    let narrow = Network::from(address);
    match narrow.widths().last().map_or(narrow, |(widest, _)| widest) {
        Network::V4(address, length) => format!("{address}/{length}"),
        Network::V6(bits, length) => format!("{bits:016x}/{length}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// An address of a network of its own.
    fn from(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 | number << 8).into()
    }

    fn wait(guesses: &Guesses, nick: &str, known: Option<&str>, now: Duration) -> Option<Duration> {
        match guesses.begin(nick, known.map(ToOwned::to_owned), from(u32::try_from(now.as_secs()).unwrap()), now) {
            Ok(_) => None,
            Err(LobbyError::TooFast { retry_after }) => Some(retry_after),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn every_wrong_password_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let guesses = Guesses::new(Duration::ZERO);
        for _ in 0..FREE_FAILURES {
            assert_eq!(wait(&guesses, "bob", None, SECOND), None);
        }
        let mut now = SECOND;
        let mut waits = Vec::new();
        for _ in 0..13 {
            let next = wait(&guesses, "BOB", None, now).unwrap();
            assert_eq!(wait(&guesses, "eve", Some("x"), now), None, "others are not affected");
            lock(&guesses.accounts).retain(|account, _| account.nick == Folded::of("bob"));
            waits.push(next.as_secs());
            now += next;
            assert_eq!(wait(&guesses, "bob", None, now), None);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(wait(&guesses, "bob", None, now + MEMORY), None);
    }

    #[test]
    fn ninety_networks_neither_get_in_nor_burn_the_processor_and_the_owner_does() {
        let guesses = Guesses::new(Duration::ZERO);
        let home = wide_network([192, 0, 2, 7].into());
        let mut hashes = 0;
        for second in 0..600 {
            for nick in ["bob", "ann", "joe", "sue"] {
                hashes += (0..90).filter(|n| guesses.begin(nick, None, from(*n), SECOND * second).is_ok()).count();
            }
            if second % 60 == 0 {
                let guess = guesses.begin("bob", Some(home.clone()), from(7), SECOND * second).unwrap();
                guesses.was_right(guess);
            }
        }
        assert!(hashes < 4 * 20, "{hashes} of 216,000");
        // Nor do guesses at a new nick each.
        let nicks =
            (0..100_000).filter(|n| guesses.begin(&format!("n{n}"), None, from(n % 1000), SECOND * (n / 1000)).is_ok());
        assert!(nicks.count() <= 20 + 100 * 5);
        assert!(lock(&guesses.accounts).len() <= MOST_ACCOUNTS);
    }

    #[test]
    fn one_site_leaves_hashes_for_strangers_and_for_owners_elsewhere() {
        let guesses = Guesses::new(Duration::ZERO);
        let site = |subnet: u16| IpAddr::from(std::net::Ipv6Addr::new(0x2001, 0xdb8, 1, subnet, 0, 0, 0, 1));
        let (mut theirs, mut refused) = (0, 0);
        for second in 60..180 {
            for subnet in 0..100 {
                let number = 1000 * second + u32::from(subnet);
                theirs +=
                    usize::from(guesses.begin(&format!("n{number}"), None, site(subnet), SECOND * second).is_ok());
                theirs += usize::from(guesses.take_for_known(site(subnet), SECOND * second).is_ok());
            }
            let guess = guesses.begin(&format!("me{second}"), None, from(second), SECOND * second);
            let set = guesses.take_for_known(from(second), SECOND * second);
            refused += usize::from(guess.is_err()) + usize::from(set.is_err());
        }
        assert!(theirs <= 2 * (80 + 120 * 8 / 3 + 1), "{theirs}");
        assert!(refused <= 2 * 30, "only while the first rush lasts: {refused} of 240");
    }

    #[test]
    fn networks_are_known_by_24_and_48_bits() {
        assert_eq!(wide_network([192, 0, 2, 7].into()), wide_network([192, 0, 2, 200].into()));
        assert_ne!(wide_network([192, 0, 2, 7].into()), wide_network([192, 0, 3, 7].into()));
        let v6 = |text: &str| wide_network(text.parse().unwrap());
        assert_eq!(v6("2001:db8:1:2::3"), v6("2001:db8:1:ff::1"));
        assert_ne!(v6("2001:db8:1::1"), v6("2001:db8:2::1"));
    }
}
