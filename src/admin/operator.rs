//! What carries out what operators want.

use super::protocol::{Answer, CodeReport, Command, DeliveryReport, KeyReport, LONGEST_REASON, Request, Status};
use crate::{
    ledger::{
        Body, Change, CodeRecord, CommitError, DeliveryId, Ledger, StoreError, Transaction, WallTime,
        body::OperatorAction,
        callers::ApiKeyRow,
        deliveries::{Delivery, DeliveryState},
    },
    prize::{
        Prizes,
        codes::{Codes, TypedCode},
        keys::{self, KeyError, Scopes},
        webhook::{WebhookFormat, test_delivery},
    },
    race::{DropOrder, Race},
};
use puzzle::{
    RoundNumber,
    drop::{DropRules, Order},
};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// So many deliveries are listed at once.
const MOST_LISTED: usize = 1000;

/// How long the end of a delivery's try is waited for.
const TRY_LIMIT: Duration = Duration::from_secs(10);

/// Between two looks at a delivery that is being tried.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Makes other rules of a drop's, by what an operator has typed; the error is everything
/// that is wrong with it.
pub type ChangeRules =
    Arc<dyn Fn(DropRules, &BTreeMap<String, String>) -> Result<DropRules, Vec<String>> + Send + Sync>;

/// What an operator can reach.
pub struct Operator {
    /// The race, with its drop.
    pub race: Race,
    /// What follows from wins.
    pub prizes: Prizes,
    /// What remembers.
    pub ledger: Arc<dyn Ledger>,
    /// How typed rules are read.
    pub change_rules: ChangeRules,
    /// The codes that were won.
    pub codes: Codes,
    /// How the webhook is told of wins, if there is one.
    pub webhook: Option<WebhookFormat>,
    /// Held while something is changed: a change builds on what it was read from.
    pub acting: Mutex<()>,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}

/// Why nothing was done, in words.
struct Refusal(String);

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(format!("the ledger cannot be read: {error}"))
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refused) => Self(refused.to_string()),
            CommitError::Store(error) => Self(format!("the ledger cannot be written: {error}")),
        }
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self(error.to_string())
    }
}

impl Operator {
    /// Does what `who` wants and says what holds now.
    pub async fn carry_out(&self, request: Request, who: &str) -> Answer {
        let Request { command, why } = request;
        if LONGEST_REASON < why.len() || why.chars().any(char::is_control) {
            let detail = format!("a reason is at most {LONGEST_REASON} bytes long and has no control characters");
            return Answer::Refused { detail };
        }
        let answer = match command {
            Command::Status => Ok(self.status()),
            Command::Pause => self.order(Order::Pause, who, why).await,
            Command::Resume => self.order(Order::Resume, who, why).await,
            Command::Open => self.order(Order::Open, who, why).await,
            Command::Close => self.order(Order::Close, who, why).await,
            Command::Set { values } => self.set(&values, who, why).await,
            Command::CheckCode { code } => self.check_code(&code).await,
            Command::ListDeliveries { after, all } => self.deliveries(after, all).await,
            Command::Resend { id } => self.resend(DeliveryId(id), who, why).await,
            Command::TestDelivery => self.test_delivery().await,
            Command::ListCodes { after } => self.list_codes(RoundNumber(after)).await,
            Command::CreateKey { name, scopes } => self.create_key(name, &scopes, who, why).await,
            Command::ListKeys => self.list_keys().await,
            Command::RevokeKey { name } => {
                let revoked = keys::revoke(self.ledger.as_ref(), &name, who.to_owned(), why).await;
                match revoked {
                    Ok(()) => self.list_keys().await,
                    Err(error) => Err(error.into()),
                }
            }
        };
        answer.unwrap_or_else(|Refusal(detail)| Answer::Refused { detail })
    }

    fn status(&self) -> Answer {
        let announcement = *self.race.announcements().borrow();
        let outbox = self.prizes.deliveries();
        Answer::Status(Box::new(Status {
            drop: self.race.drop_news(),
            given: announcement.drop.given(),
            round: announcement.round.0,
            storage_works: self.race.storage_works(),
            deliveries_waiting: outbox.waiting,
            deliveries_parked: outbox.parked,
        }))
    }

    async fn order(&self, order: Order, who: &str, why: String) -> Result<Answer, Refusal> {
        let _acting = self.acting.lock().await;
        self.order_of_drop(DropOrder::State(order), who, why).await
    }

    async fn set(&self, values: &BTreeMap<String, String>, who: &str, why: String) -> Result<Answer, Refusal> {
        let _acting = self.acting.lock().await;
        let current = *self.race.announcements().borrow().drop.rules();
        let rules = (self.change_rules)(current, values).map_err(|problems| Refusal(problems.join("; ")))?;
        if rules == current {
            return Ok(self.status());
        }
        self.order_of_drop(DropOrder::Rules(rules), who, why).await
    }

    async fn order_of_drop(&self, order: DropOrder, who: &str, why: String) -> Result<Answer, Refusal> {
        self.race.order(order, who.to_owned(), why).await.map_err(|error| Refusal(error.to_string()))?;
        Ok(self.status())
    }

    async fn check_code(&self, code: &str) -> Result<Answer, Refusal> {
        let code = TypedCode::new(code).map_err(|error| Refusal(format!("the code {error}")))?;
        let found = self.codes.find(&code).await?;
        let report = found.map_or_else(CodeReport::unknown, |record| CodeReport::of(&record, self.codes.now()));
        Ok(Answer::Code(report))
    }

    async fn list_codes(&self, after: RoundNumber) -> Result<Answer, Refusal> {
        let (records, now) = (self.codes.list(after, None, MOST_LISTED).await?, self.codes.now());
        let more = records.len() == MOST_LISTED;
        let codes = records.iter().map(|record| {
            let code = Some(record.win.won.code.as_str().to_owned());
            CodeReport { code, ..CodeReport::of(record, now) }
        });
        Ok(Answer::Codes { codes: codes.collect(), more })
    }

    async fn create_key(&self, name: String, scopes: &[String], who: &str, why: String) -> Result<Answer, Refusal> {
        let scopes = Scopes::named(scopes.iter().map(String::as_str)).map_err(|error| Refusal(error.to_string()))?;
        let key = keys::create(self.ledger.as_ref(), &name, &scopes, who.to_owned(), why).await?;
        Ok(Answer::NewKey { name, key: key.reveal().to_owned() })
    }

    async fn list_keys(&self) -> Result<Answer, Refusal> {
        let keys = keys::list(self.ledger.as_ref()).await?;
        Ok(Answer::Keys { keys: keys.iter().map(KeyReport::from).collect() })
    }

    async fn deliveries(&self, after: u64, all: bool) -> Result<Answer, Refusal> {
        let mut deliveries = Vec::new();
        for state in [DeliveryState::Waiting, DeliveryState::Parked, DeliveryState::Delivered] {
            if all || state != DeliveryState::Delivered {
                let found = self.ledger.deliveries_after(DeliveryId(after), Some(state), MOST_LISTED + 1).await?;
                deliveries.extend(found);
            }
        }
        deliveries.sort_by_key(|delivery| delivery.id);
        let more = MOST_LISTED < deliveries.len();
        deliveries.truncate(MOST_LISTED);
        Ok(Answer::Deliveries { deliveries: deliveries.iter().map(DeliveryReport::from).collect(), more })
    }

    async fn resend(&self, id: DeliveryId, who: &str, why: String) -> Result<Answer, Refusal> {
        let unknown = || Refusal(format!("there is no delivery {id}"));
        let before = self.ledger.delivery(id).await?.ok_or_else(unknown)?;
        let action = OperatorAction {
            who: who.to_owned(),
            what: format!("resend delivery {id}"),
            before: before.state.name().to_owned(),
            after: DeliveryState::Waiting.name().to_owned(),
            why,
        };
        let round = self.race.announcements().borrow().round;
        let transaction = Transaction::new().with(Change::ResendDelivery(id)).append(round, Body::Operator(action));
        self.ledger.commit(transaction).await?;
        self.prizes.wake();
        self.try_of(id).await
    }

    async fn test_delivery(&self) -> Result<Answer, Refusal> {
        let nobody = || Refusal("WEBHOOK_URL is not set: there is nobody to deliver to".to_owned());
        let delivery = test_delivery(self.webhook.ok_or_else(nobody)?);
        let webhook_id = delivery.webhook_id.clone();
        self.ledger.commit(Transaction::new().with(Change::Deliver(delivery))).await?;
        self.prizes.wake();
        let mut after = DeliveryId(0);
        loop {
            let found = self.ledger.deliveries_after(after, None, MOST_LISTED).await?;
            if let Some(delivery) = found.iter().find(|delivery| delivery.webhook_id == webhook_id) {
                return self.try_of(delivery.id).await;
            }
            let gone = || Refusal("the delivery was written and is gone again".to_owned());
            after = found.last().ok_or_else(gone)?.id;
        }
    }

    /// Waits for the end of a delivery's try, for a while, and says what became of it.
    async fn try_of(&self, id: DeliveryId) -> Result<Answer, Refusal> {
        let mut waited = Duration::ZERO;
        loop {
            let gone = || Refusal(format!("delivery {id} is gone"));
            let delivery = self.ledger.delivery(id).await?.ok_or_else(gone)?;
            let is_untried = delivery.state == DeliveryState::Waiting && delivery.tries == 0;
            if !is_untried || TRY_LIMIT <= waited || self.webhook.is_none() {
                return Ok(Answer::Delivery(DeliveryReport::from(&delivery)));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
            waited += LOOK_INTERVAL;
        }
    }
}

impl CodeReport {
    /// Of a code that nobody has won.
    pub fn unknown() -> Self {
        Self {
            code: None,
            status: "unknown".to_owned(),
            round: None,
            won_at: None,
            expires_at: None,
            redeemed_at: None,
            redeemed_for: None,
        }
    }

    /// Of a code as it stands at `now`.
    pub fn of(record: &CodeRecord, now: WallTime) -> Self {
        let CodeRecord { win, redeemed, .. } = record;
        Self {
            code: None,
            status: record.status(now).name().to_owned(),
            round: Some(win.round.0),
            won_at: Some(win.at.to_string()),
            expires_at: win.won.expires_at.map(|at| at.to_string()),
            redeemed_at: redeemed.as_ref().map(|(at, _)| at.to_string()),
            redeemed_for: redeemed.as_ref().and_then(|(_, redeemed)| redeemed.redeemed_for.clone()),
        }
    }
}

impl From<&ApiKeyRow> for KeyReport {
    fn from(row: &ApiKeyRow) -> Self {
        let ApiKeyRow { key, created_at, last_used_at, revoked_at } = row;
        Self {
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: created_at.to_string(),
            last_used_at: last_used_at.map(|at| at.to_string()),
            revoked_at: revoked_at.map(|at| at.to_string()),
        }
    }
}

impl From<&Delivery> for DeliveryReport {
    fn from(delivery: &Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Waiting;
        Self {
            id: delivery.id.0,
            webhook_id: delivery.webhook_id.as_str().to_owned(),
            state: delivery.state.name().to_owned(),
            round: delivery.round.map(|round| round.0),
            created_at: delivery.created_at.to_string(),
            next_try_at: waits.then(|| delivery.next_try_at.to_string()),
            tries: delivery.tries,
            last_answer: delivery.last_answer.clone(),
        }
    }
}
