//! Where winners go: links of other sites, and what the page says of its own.

use super::codes::{Keys, make_keys};
use crate::support::{Client, TestServer};
use reqwest::{Url, header::HeaderMap};
use serde_json::{Value, json};

const SECRET: &str = "a-secret-of-thirty-two-characters";
const WELCOME: &str = "https://example.org/welcome";

/// HMAC-SHA256 of `order-7`, a line feed and the address, with the secret.
const SIGNATURE: &str = "8e3fdf485546a2c9d80929eff06efc37b670fc9f1a27a53e494c52956d1fc5da";

async fn server(more: &[(&str, &str)]) -> TestServer {
    let settings = [("HASHPASS_RETURN_URLS", WELCOME), ("HASHPASS_STATE_SECRET", SECRET)];
    TestServer::start(&[settings.as_slice(), more].concat()).await
}

/// The page whose address has these parameters: status and text.
async fn page(client: &Client, parameters: &[(&str, &str)]) -> (u16, String) {
    let address = Url::parse_with_params(&client.url("/"), parameters).unwrap();
    let response = client.http.get(address).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn line(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_that_is_not_agreed_on_is_refused_in_words_and_leads_nowhere() {
    let server = server(&[]).await;
    let client = server.client();
    for (parameters, told) in [
        (&[("return_to", "https://evil.example/welcome")][..], "return_to is not one of the addresses"),
        (&[("return_to", "https://example.org@evil.example/welcome")], "return_to is not one of the addresses"),
        (&[("return_to", "javascript:alert(1)")], "return_to is not one of the addresses"),
        (&[("return_to", WELCOME), ("return_to", WELCOME)], "return_to once"),
        (&[("state", "alone")], "return_to once"),
        (&[("return_to", WELCOME), ("state", "order-7"), ("state_sig", "00")], "state_sig is not the HMAC-SHA256"),
        (&[("return_to", WELCOME), ("state", &*"x".repeat(513))], "state must be at most 512 bytes"),
    ] {
        let (status, html) = page(&client, parameters).await;
        assert_eq!(status, 400, "{parameters:?}");
        assert!(html.contains("This link cannot be used") && html.contains(told), "{parameters:?}: {html}");
        assert!(!html.contains("evil.example") && !html.contains("alert(1)"), "{html}");
    }
    let address = format!("{}?return_to=nothing", client.url("/lobby"));
    let chinese = client.http.get(address).header("accept-language", "zh").send().await.unwrap();
    assert_eq!((chinese.status().as_u16(), line(chinese.headers(), "content-language").as_str()), (400, "zh-Hans"));

    let (status, html) = page(&client, &[("return_to", WELCOME), ("state", "order-7"), ("state_sig", SIGNATURE)]).await;
    assert_eq!(status, 200);
    assert!(html.contains("You come from example.org"), "{html}");
}

#[tokio::test]
async fn a_winner_goes_back_with_the_code_and_the_state() {
    let server = server(&[]).await;
    let client = server.client_with_session().await;
    let refused = client.post_raw("/api/return", r#"{"return_to":"https://evil.example/"}"#).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "malformed");
    let body = json!({ "return_to": WELCOME, "state": "order-7", "state_sig": SIGNATURE }).to_string();
    let taken = client.post_raw("/api/return", &body).await;
    let cookie = line(taken.headers(), "set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(taken.json::<Value>().await.unwrap(), json!({ "host": "example.org", "signed": true }));

    let client = client.with_cookie(cookie.split(';').next().unwrap());
    // Without a code there is nothing to go back with.
    assert_eq!(line(client.get("/continue").await.headers(), "location"), "/");
    let mut codes = Vec::new();
    for _ in 0..2 {
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        codes.push(won["invite_code"].as_str().unwrap().to_owned());
    }
    for (path, code) in [("/continue", &codes[1]), ("/continue?round=2", &codes[1]), ("/continue?round=1", &codes[0])] {
        let response = client.get(path).await;
        let issuer = format!("http%3A%2F%2F127.0.0.1%3A{}", server.address().port());
        let expected = format!("{WELCOME}?code={code}&state=order-7&iss={issuer}");
        assert_eq!((response.status().as_u16(), line(response.headers(), "location")), (303, expected), "{path}");
        let headers = response.headers();
        assert_eq!(
            (line(headers, "cache-control"), line(headers, "referrer-policy")),
            ("no-store".into(), "no-referrer".into())
        );
    }
    assert_eq!(line(client.get("/continue?round=3").await.headers(), "location"), "/");
    let (_, html) = (0, client.get("/").await.text().await.unwrap());
    assert!(html.contains("You come from example.org"), "what was taken is remembered");

    // Who has no session has no code, whatever they have taken.
    let stranger = server.client().with_cookie(cookie.split(';').next().unwrap());
    assert_eq!(line(stranger.get("/continue").await.headers(), "location"), "/");
}

#[tokio::test]
async fn where_no_address_is_listed_no_link_is_good() {
    let server = TestServer::start(&[]).await;
    let (status, _) = page(&server.client(), &[("return_to", WELCOME)]).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_page_says_what_can_be_won_and_from_whom_as_text() {
    let server = TestServer::start(&[
        ("HASHPASS_SITE_NAME", "Example <b>bold</b>"),
        ("HASHPASS_PRIZE", "the beta of \"Example\" & <i>more</i>"),
        ("HASHPASS_CONTACT", "beta@example.org <script>alert(1)</script>"),
        ("HASHPASS_IMPRINT_URL", "https://example.org/imprint?a=1&b=%22"),
        ("HASHPASS_PRIVACY_URL", "https://example.org/privacy"),
    ])
    .await;
    let client = server.client();
    let html = client.get("/").await.text().await.unwrap();
    for told in [
        "<title>A fair race for invite codes · Example &lt;b&gt;bold",
        "A fair race for an invite to the beta of \"Example\" &amp; &lt;i&gt;more&lt;/i&gt;",
        "Contact: beta@example.org &lt;script&gt;alert(1)&lt;/script&gt;",
        "href=\"https://example.org/imprint?a=1&amp;b=%22\"",
        "href=\"https://example.org/privacy\"",
    ] {
        assert!(html.contains(told), "{told} is missing in {html}");
    }
    assert!(!html.contains("<b>bold") && !html.contains("<script>alert") && !html.contains("<i>more"), "{html}");
    let chinese = client.get("/?language=zh-Hans").await.text().await.unwrap();
    assert!(chinese.contains("公平竞赛，赢取 the beta of"), "{chinese}");
}

#[tokio::test]
async fn a_state_that_was_signed_is_told_with_its_code_and_no_other_is() {
    let settings = [("HASHPASS_RETURN_URLS", WELCOME), ("HASHPASS_STATE_SECRET", SECRET)];
    let mut keys = Keys::new();
    let server = TestServer::start_with(&settings, |config| keys = make_keys(&config.ledger)).await;
    let site = server.client_with_bearer(&keys["codes:read"]);
    for (signature, told) in [(Some(SIGNATURE), json!("order-7")), (None, Value::Null)] {
        let client = server.client_with_session().await;
        let body = json!({ "return_to": WELCOME, "state": "order-7", "state_sig": signature }).to_string();
        let taken = client.post_raw("/api/return", &body).await;
        let cookie = line(taken.headers(), "set-cookie");
        let client = client.with_cookie(cookie.split(';').next().unwrap());
        let solution = client.solve(&client.puzzle().await).await;
        let won: Value = client.verify(&solution).await.json().await.unwrap();
        let asked = json!({ "code": won["invite_code"] }).to_string();
        let checked: Value = site.post_raw("/api/codes/check", &asked).await.json().await.unwrap();
        assert_eq!((&checked["status"], &checked["state"]), (&json!("valid"), &told), "{checked}");
    }
}
