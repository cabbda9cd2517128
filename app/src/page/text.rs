//! Every word that visitors read, in one place, so that another language needs
//! only this module.

mod log;
pub mod numbers;
mod state;

pub use log::note;
pub use state::{best_outlook, connection, human_check, odds, status, trouble, window_title};

use numbers::{grouped, one_in, quantity, rate};
use puzzle::{RoundNumber, VisitorId};

// ------------------------------------------------------------------ the frame

/// The name of the site.
pub fn site_name() -> &'static str {
    "HashPass"
}

/// One sentence for search engines and link previews.
pub fn site_description() -> &'static str {
    "A fair, public race for invite codes: your device looks for a rare hash, and the first one found wins."
}

/// The link that keyboards find first.
pub fn skip_to_content() -> &'static str {
    "Skip to the content"
}

/// Names the choice of theme.
pub fn theme() -> &'static str {
    "Theme"
}

/// The choices: the value stored, and the word shown.
pub fn themes() -> [(&'static str, &'static str); 3] {
    [("system", "System"), ("light", "Light"), ("dark", "Dark")]
}

/// Names the notices above the page.
pub fn notices() -> &'static str {
    "Notices"
}

/// Above everything while nobody is asked whether they are human.
pub fn test_banner() -> &'static str {
    "Test mode: the human check is switched off, and everybody passes. Not for real codes."
}

/// For browsers without scripts.
pub fn needs_scripts() -> &'static str {
    "Taking part needs JavaScript and WebAssembly, which this browser does not run here. You can read this page \
     as it is, but your device cannot mine."
}

/// For browsers with scripts but without WebAssembly.
pub fn needs_web_assembly() -> &'static str {
    "Taking part needs WebAssembly, which this browser does not offer. Some browsers switch it off in their \
     strictest security mode. You can read this page, but your device cannot mine here."
}

/// When the page's program does not arrive.
pub fn loads_slowly() -> &'static str {
    "The page's program has not loaded yet. If this stays, please check your connection and reload the page."
}

/// When the server renders the page without its state.
pub fn no_state() -> &'static str {
    "The server could not say how the race stands. Please reload the page in a moment."
}

// ------------------------------------------------------------------- the story

/// The heading of the page.
pub fn headline() -> &'static str {
    "A fair race for invite codes"
}

/// What this is.
pub fn lead() -> &'static str {
    "Your device tries numbers until one of them has a rare enough hash. Whoever finds the first one gets an \
     invite code, and the next round begins at once. There is nothing to install, and it costs nothing but a \
     little electricity."
}

/// The heading of the explanation.
pub fn how_it_works() -> &'static str {
    "How it works"
}

/// The explanation: headings and paragraphs.
pub fn explanation(rises: bool, memory_mib: u32) -> [(&'static str, String); 3] {
    let bar = if rises {
        "A hash wins when it is rarer than the bar. The bar comes down while people mine, until somebody's best \
         hash clears it. Whatever you find keeps its worth until the round ends, so slow devices win too, in \
         proportion to their work."
    } else {
        "A hash wins when it is rarer than the bar, which stays where it is for the whole round. After each round \
         it moves so that the next one lasts neither too long nor too short."
    };
    [
        (
            "One puzzle for everybody",
            format!(
                "Each round has a random seed. Your device joins it with its own id and a number and computes an \
                 Argon2id hash, which takes {memory_mib} MiB of memory: a cost that special hardware can hardly \
                 save."
            ),
        ),
        ("A bar to clear", bar.to_owned()),
        (
            "The first one wins",
            "The earliest valid hash to arrive wins the code, whatever else happens. Nobody can send yours as \
             theirs: it is good only with your id and from your address."
                .to_owned(),
        ),
    ]
}

/// What the page sends.
pub fn privacy(test_mode: bool) -> &'static str {
    if test_mode {
        "To take part, this page sends an id computed from properties of your device, the address that your \
         requests come from, and your hash rate. Nobody else is asked or told."
    } else {
        "To take part, this page sends an id computed from properties of your device, the address that your \
         requests come from, and your hash rate. Apart from Cloudflare's check that you are human, nobody else \
         is asked or told."
    }
}

// -------------------------------------------------------------------- the race

/// The heading of the visitor's own part.
pub fn your_race() -> &'static str {
    "Your device"
}

/// The button that starts.
pub fn start() -> &'static str {
    "Start mining"
}

/// The same, after something went wrong.
pub fn start_again() -> &'static str {
    "Try again"
}

/// The button that stops.
pub fn stop() -> &'static str {
    "Stop"
}

/// Names the slider.
pub fn workers() -> &'static str {
    "Workers"
}

/// Its value.
pub fn worker_count(workers: usize, most: usize) -> String {
    if most == 0 { "–".into() } else { format!("{workers} of {most}") }
}

/// What it does.
pub fn workers_hint() -> &'static str {
    "More workers are faster, warmer and louder."
}

/// Names the page's own rate.
pub fn your_rate() -> &'static str {
    "Your rate"
}

/// Hashes per second.
pub fn hash_rate(hashes_per_second: f64) -> String {
    format!("{} H/s", rate(hashes_per_second))
}

/// Names the human check.
pub fn human_check_heading() -> &'static str {
    "Human check"
}

/// The button that has the human check tried again.
pub fn check_again() -> &'static str {
    "Try the check again"
}

// -------------------------------------------------------------- best and bar

/// The heading of the scale.
pub fn best_against_bar() -> &'static str {
    "Your best hash and the bar"
}

/// Where the bar stands.
pub fn bar() -> &'static str {
    "Bar"
}

/// The visitor's best hash.
pub fn best() -> &'static str {
    "Your best"
}

/// How to read the scale.
pub fn scale_hint() -> &'static str {
    "A hash wins when it lies to the right of the bar."
}

/// A rarity on the scale.
pub fn rarity(expected: f64) -> String {
    one_in(expected)
}

/// A rarity on the scale's axis, where there is little room.
pub fn tick(digits: u32) -> String {
    numbers::short(16f64.powi(digits.try_into().unwrap_or(0)))
}

/// No best hash yet.
pub fn nothing_yet() -> &'static str {
    "nothing yet"
}

// --------------------------------------------------------------------- prizes

/// The heading above a code.
pub fn your_code(round: RoundNumber) -> String {
    format!("Your invite code from round {round}")
}

/// Opens the list of the codes won before.
pub fn earlier_codes(count: usize) -> String {
    if count == 1 { "One more code, won earlier".into() } else { format!("{count} more codes, won earlier") }
}

/// A code won before.
pub fn earlier_code(round: RoundNumber) -> String {
    format!("Round {round}")
}

/// The button that copies.
pub fn copy() -> &'static str {
    "Copy"
}

/// The same for one code among several.
pub fn copy_code(round: RoundNumber) -> String {
    format!("Copy the code from round {round}")
}

/// It is on the clipboard.
pub fn copied() -> &'static str {
    "Copied"
}

/// The browser does not allow copying, so the code is selected instead.
pub fn copy_by_hand() -> &'static str {
    "Selected: copy it by hand"
}

/// What to do with it.
pub fn code_hint() -> &'static str {
    "Best copy it now. After a reload it is shown here again, as long as your session lasts."
}

// ------------------------------------------------------------------ the round

/// The heading of the common part.
pub fn the_round(is_stale: bool) -> &'static str {
    if is_stale { "The round when last heard of" } else { "The round now" }
}

/// Names the round's number.
pub fn round() -> &'static str {
    "Round"
}

/// Names the difficulty.
pub fn difficulty() -> &'static str {
    "Difficulty"
}

/// A difficulty, in digits.
pub fn difficulty_digits(digits: f64) -> String {
    let number = quantity(digits);
    if number == "1" { "1 digit".to_owned() } else { format!("{number} digits") }
}

/// What a difficulty means.
pub fn difficulty_meaning(expected: f64) -> String {
    format!("about {} tries", one_in(expected))
}

/// Names the mining time.
pub fn mining_time() -> &'static str {
    "Mining time"
}

/// The mining time stands still.
pub fn clock_stands() -> &'static str {
    "waits for miners"
}

/// The mining time goes on.
pub fn clock_runs() -> &'static str {
    "running"
}

/// Names the network's rate.
pub fn network_rate() -> &'static str {
    "Network"
}

/// Names the number of miners.
pub fn active_miners() -> &'static str {
    "Mining now"
}

/// Names the number of open pages.
pub fn online() -> &'static str {
    "Online"
}

/// A number of people.
pub fn people(count: u32) -> String {
    grouped(f64::from(count))
}

/// Names the visitor id.
pub fn visitor_id() -> &'static str {
    "Device id"
}

/// A visitor id.
pub fn visitor(visitor: Option<&VisitorId>) -> String {
    visitor.map_or_else(|| "–".into(), ToString::to_string)
}

/// The heading of the log.
pub fn log_heading() -> &'static str {
    "Log"
}

/// A sentence of the server's, to be put inside one of ours.
fn without_full_stop(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}
