//! The page as the server renders it: readable without a script, in the visitor's
//! language, and with nothing let in that is not needed.

use crate::support::TestServer;
use serde_json::{Value, json};

#[tokio::test]
async fn the_page_is_readable_before_any_script_runs() {
    let server = TestServer::start(&[("HASHPASS_DIFFICULTY", "2")]).await;
    let page = server.client().get("/").await.text().await.unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{}", &page[..100]);
    assert!(page.contains("HashPass") && page.contains("256"), "one in 256 tries wins");
    assert!(!page.contains("style=\""), "the policy forbids inline styles");
}

/// What is left to be made while it is sent is made for everybody at once, and winners wait
/// for it.
#[tokio::test]
async fn a_page_is_made_whole_before_it_is_sent() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    for (path, encoding) in [("/", None), ("/", Some("br")), ("/lobby", Some("gzip"))] {
        let request = client.http.get(client.url(path)).header("accept-encoding", encoding.unwrap_or("identity"));
        let response = request.send().await.unwrap();
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("content-encoding").as_deref(), encoding, "{path}");
        let length = header("content-length").unwrap_or_else(|| panic!("{path} in {encoding:?} has no length"));
        assert_eq!(response.bytes().await.unwrap().len().to_string(), length, "{path}");
    }
}

#[tokio::test]
async fn the_page_comes_in_the_visitors_language() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    // path, Accept-Language, cookie: language
    let table: &[(&str, &[u8], &[u8], &str)] = &[
        ("/", b"", b"", "en"),
        ("/", b"zh-CN,zh;q=0.9,en;q=0.8", b"", "zh-Hans"),
        ("/", b"en-US,zh;q=0.5", b"", "en"),
        ("/", b"en", b"hashpass_language=zh-Hans", "zh-Hans"),
        ("/", b"zh", b"hashpass_language=en", "en"),
        ("/?language=en", b"zh", b"hashpass_language=zh-Hans", "en"),
        ("/", b"zh;q=\"><script>alert(1)</script>", b"hashpass_language=\"><script>alert(1)</script>", "en"),
        ("/", b"\xff\xfe,zh", b"hashpass_language=\xff", "en"),
        ("/?language=%22%3E%3Cscript%3E%0d%0aset-cookie:%20a=b", b"zh", b"", "zh-Hans"),
        ("/nothing", b"zh", b"", "zh-Hans"),
        ("/nothing", b"zh", b"hashpass_language=en", "en"),
    ];
    for (path, wish, cookie, language) in table {
        let value = |bytes: &[u8]| reqwest::header::HeaderValue::from_bytes(bytes).unwrap();
        let request = client.http.get(client.url(path));
        let request = request.header("accept-language", value(wish)).header("cookie", value(cookie));
        let response = request.send().await.unwrap();
        let case = format!("{path} {}", String::from_utf8_lossy(wish));
        assert_eq!(response.status(), if *path == "/nothing" { 404 } else { 200 }, "{case}");
        assert_eq!(response.headers()["vary"], "accept-language, cookie", "{case}");
        assert_eq!(response.headers()["content-language"], *language, "{case}");
        let remembered = response.headers().get("set-cookie").map(|line| line.to_str().unwrap().to_owned());
        let expected = (*path == "/?language=en")
            .then(|| "hashpass_language=en; Path=/; Max-Age=31536000; SameSite=Lax".to_owned());
        assert_eq!(remembered, expected, "{case}");
        let page = response.text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{case}");
        assert!(!page.contains("alert(1)"), "{case}");
        if *path != "/nothing" {
            let (title, notice) = match *language {
                "en" => ("A fair race for invite codes · HashPass", "Taking part needs JavaScript"),
                _ => ("公平的邀请码竞赛 · HashPass", "参与竞赛需要 JavaScript"),
            };
            assert!(page.contains(&format!("<title>{title}</title>")) && page.contains(notice), "{case}");
        }
    }
}

#[tokio::test]
async fn the_page_lets_in_the_human_check_in_production_alone() {
    let production = [
        ("TURNSTILE_TEST_MODE", "false"),
        ("TURNSTILE_SITE_KEY", "site-key"),
        ("TURNSTILE_SECRET_KEY", "secret-key"),
        ("TURNSTILE_SCRIPT_URL", "https://check.example:8443/v0/api.js"),
    ];
    let server = TestServer::start(&production).await;
    let page = server.client().get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let directive = |name: &str| policy.split("; ").find(|directive| directive.starts_with(name)).map(str::to_owned);
    assert_eq!(directive("frame-src").unwrap(), "frame-src https://check.example:8443");
    assert!(directive("script-src").unwrap().ends_with(" 'wasm-unsafe-eval' https://check.example:8443"), "{policy}");
    assert_eq!(policy.matches("check.example").count(), 2, "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("render=explicit") && !text.contains("secret-key"));
    assert!(text.contains(r#"data-check="loading""#), "its room is kept from the first sight on");
    let config: Value = server.client().get("/api/turnstile/config").await.json().await.unwrap();
    assert_eq!(config, json!({"siteKey": "site-key", "testMode": false}));
    for path in ["/api/health", "/nothing"] {
        let other = server.client().get(path).await;
        let policy = other.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(!policy.contains("check.example"), "{path}: {policy}");
    }

    let test_mode = TestServer::start(&[("TURNSTILE_SCRIPT_URL", "https://check.example/api.js")]).await;
    let page = test_mode.client().get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(!policy.contains("check.example") && !policy.contains("frame-src"), "{policy}");
    assert!(!page.text().await.unwrap().contains("check.example"));
}
