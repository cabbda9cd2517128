//! What is allowed and what is not, in every encoding; and what is made of it.

use super::*;
use axum::http::HeaderValue;

const SECRET: &str = "a-secret-of-thirty-two-characters";

fn settings(urls: &[&str]) -> WayBackSettings {
    WayBackSettings { urls: urls.iter().map(|url| url.parse().unwrap()).collect(), secret: SECRET.parse().ok() }
}

fn to(return_to: &str) -> ReturnRequest {
    ReturnRequest { return_to: return_to.to_owned(), ..ReturnRequest::default() }
}

#[test]
fn what_is_listed_is_taken() {
    let settings = settings(&["https://example.org/welcome", "https://app.example.org/in/", "http://localhost:3000/"]);
    for good in [
        "https://example.org/welcome",
        "https://example.org/welcome?from=race&x=%E4%BD%A0",
        "https://app.example.org/in/",
        "https://app.example.org/in/deeper/still?x=1",
        "http://localhost:3000/anything",
    ] {
        assert!(Return::new(&to(good), &settings).is_ok(), "{good}");
    }
}

#[test]
fn nothing_else_is_taken_in_any_encoding() {
    let settings = settings(&["https://example.org/welcome", "https://app.example.org/in/"]);
    for bad in [
        "",
        "/welcome",
        "//example.org/welcome",
        "https:example.org/welcome",
        "https:/example.org/welcome",
        "https:///example.org/welcome",
        "https:\\\\example.org\\welcome",
        "http://example.org/welcome",
        "HTTPS://example.org/welcome",
        "https://EXAMPLE.org/welcome",
        "https://example.org./welcome",
        "https://example.org:443/welcome",
        "https://example.org:444/welcome",
        "https://user@example.org/welcome",
        "https://example.org@evil.example/welcome",
        "https://example.org%40evil.example/welcome",
        "https://example.org%2eevil.example/welcome",
        "https://example.org\\@evil.example/welcome",
        "https://evil.example\\@example.org/welcome",
        "https://evil.example#@example.org/welcome",
        "https://evil.example?@example.org/welcome",
        "https://evil.example/https://example.org/welcome",
        "https://example.org.evil.example/welcome",
        "https://notexample.org/welcome",
        "https://ex\u{430}mple.org/welcome",
        "https://example\u{3002}org/welcome",
        "https://\u{ff45}xample.org/welcome",
        "https://exam\u{ad}ple.org/welcome",
        "https://exa\tmple.org/welcome",
        " https://example.org/welcome",
        "https://example.org/welcome ",
        "https://example.org/welcome\n",
        "\u{0}https://example.org/welcome",
        "https://example.org/welcome/",
        "https://example.org/welcome/more",
        "https://example.org/welcomes",
        "https://example.org/Welcome",
        "https://example.org/%77elcome",
        "https://example.org/./welcome",
        "https://example.org/x/../welcome",
        "https://example.org//welcome",
        "https://example.org/welcome;x",
        "https://example.org/welcome#fragment",
        "https://example.org/welcome#",
        "https://app.example.org/in",
        "https://app.example.org/in/../out",
        "https://app.example.org/in/%2e%2e/out",
        "https://app.example.org/in/%2E%2E%2Fout",
        "https://app.example.org/in/..%2fout",
        "https://app.example.org/in/..%5cout",
        "https://app.example.org/in/%252e%252e/out",
        "https://app.example.org/in/..;/out",
        "https://app.example.org/in//evil.example",
        "https://app.example.org/in\\..\\out",
        "javascript:alert(1)//https://example.org/welcome",
        "data:text/html,https://example.org/welcome",
    ] {
        assert_eq!(Return::new(&to(bad), &settings), Err(ReturnError::NotListed), "{bad:?}");
    }
    let long = format!("https://app.example.org/in/{}", "a".repeat(LONGEST_ADDRESS));
    assert_eq!(Return::new(&to(&long), &settings), Err(ReturnError::NotListed));
    for ours in [
        "https://example.org/welcome?code=x",
        "https://example.org/welcome?%63ode=x&y",
        "https://example.org/welcome?iss",
    ] {
        assert_eq!(Return::new(&to(ours), &settings), Err(ReturnError::HasOurParameters), "{ours}");
    }
    let nobody = WayBackSettings::default();
    assert_eq!(Return::new(&to("https://example.org/welcome"), &nobody), Err(ReturnError::NotListed));
}

#[test]
fn a_state_counts_only_when_it_is_signed_with_the_address() {
    let settings = settings(&["https://example.org/welcome", "https://example.org/other"]);
    // Computed with Python: `hmac.new(secret, b"order-7\nhttps://example.org/welcome", "sha256").hexdigest()`.
    let signature = "8e3fdf485546a2c9d80929eff06efc37b670fc9f1a27a53e494c52956d1fc5da";
    let with = |state: &str, address: &str, signature: Option<&str>| {
        let (state, state_sig) = (Some(state.to_owned()), signature.map(str::to_owned));
        Return::new(&ReturnRequest { return_to: address.to_owned(), state, state_sig }, &settings)
    };
    let welcome = "https://example.org/welcome";
    assert_eq!(with("order-7", welcome, Some(signature)).unwrap().signed_state(), Some("order-7"));
    assert_eq!(with("order-7", welcome, None).unwrap().signed_state(), None);
    for (state, address, signature) in [
        ("order-8", welcome, signature),
        ("order-7", "https://example.org/other", signature),
        ("order-7", welcome, &"0".repeat(64)),
        ("order-7", welcome, &signature[2..]),
        ("order-7", welcome, &format!("{signature}00")),
        ("order-7", welcome, &signature.replace('1', "+")),
        ("order-7", welcome, ""),
    ] {
        assert_eq!(with(state, address, Some(signature)), Err(ReturnError::Signature), "{state} {address} {signature}");
    }
    for wrong in ["a\nb", "\u{1a}", &"x".repeat(LONGEST_STATE + 1)] {
        assert_eq!(with(wrong, welcome, None), Err(ReturnError::State), "{wrong:?}");
    }
    // Without a secret nothing is signed, whatever is said.
    let open = WayBackSettings { secret: None, ..settings.clone() };
    let request = ReturnRequest { state: Some("x".into()), state_sig: Some("y".into()), ..to(welcome) };
    assert_eq!(Return::new(&request, &open).unwrap().signed_state(), None);
}

#[test]
fn a_winner_goes_on_with_the_code_the_state_and_who_we_are() {
    let settings = settings(&["https://example.org/welcome"]);
    let code = InviteCode::listed("invite & more").unwrap();
    let state = Some("a b&iss=c".to_owned());
    let way_back = Return::new(&ReturnRequest { state, ..to("https://example.org/welcome?x=1") }, &settings).unwrap();
    assert_eq!(way_back.host(), "example.org");
    assert_eq!(
        way_back.address_with(&code, "https://race.example"),
        "https://example.org/welcome?x=1&code=invite+%26+more&state=a+b%26iss%3Dc&iss=https%3A%2F%2Frace.example"
    );
}

#[test]
fn a_link_is_taken_apart_once() {
    let found =
        asked_for(Some("language=en&return_to=https%3A%2F%2Fexample.org%2F&state=%E4%BD%A0+b")).unwrap().unwrap();
    assert_eq!((found.return_to.as_str(), found.state.as_deref()), ("https://example.org/", Some("你 b")));
    for none in [None, Some(""), Some("language=en&states=1")] {
        assert_eq!(asked_for(none), Ok(None), "{none:?}");
    }
    for wrong in
        ["return_to=a&return_to=b", "return_to=a&state=%ff", "state=x", "state_sig=x", "return_to=a&state=1&st%61te=2"]
    {
        assert_eq!(asked_for(Some(wrong)), Err(ReturnError::Parameters), "{wrong}");
    }
}

#[test]
fn what_is_kept_comes_back_as_long_as_it_is_allowed() {
    let allowed = settings(&["https://example.org/welcome"]);
    let request = ReturnRequest { state: Some("\"你\"; \\".into()), ..to("https://example.org/welcome?a=b") };
    let way_back = Return::new(&request, &allowed).unwrap();
    for is_tls in [false, true] {
        let line = set_cookie(&way_back, is_tls);
        assert!(line.contains("; HttpOnly; SameSite=Strict") && line.contains("; Secure") == is_tls, "{line}");
        let cookie = format!("a=b; {}", line.split(';').next().unwrap());
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&cookie).unwrap())]);
        assert_eq!(kept(&headers, is_tls, &allowed), Some(way_back.clone()));
        assert_eq!(kept(&headers, is_tls, &WayBackSettings::default()), None, "it is not listed any more");
        assert_eq!(kept(&headers, !is_tls, &allowed), None);
    }
    let nonsense = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("hashpass_return=%%%"))]);
    assert_eq!(kept(&nonsense, false, &allowed), None);
    let longest = ReturnRequest {
        return_to: format!("https://example.org/welcome?{}", "x".repeat(LONGEST_ADDRESS - 28)),
        state: Some("\"".repeat(LONGEST_STATE)),
        state_sig: None,
    };
    assert!(set_cookie(&Return::new(&longest, &allowed).unwrap(), true).len() < 4096, "browsers keep no longer cookie");
}
