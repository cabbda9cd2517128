//! The manual as its readers meet it: served by every instance, with examples that run
//! as they are printed.

#[path = "../../build/manual.rs"]
mod rendering;

use crate::support::TestServer;
use rendering::Document;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::Duration,
};

fn documents() -> Vec<Document> {
    rendering::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("app/docs")).unwrap()
}

/// The addresses of the manual's pages.
fn addresses() -> Vec<String> {
    let documents = documents();
    assert!(7 <= documents.len());
    ["/docs".to_owned()]
        .into_iter()
        .chain(documents.iter().map(|document| format!("/docs/{}", document.name)))
        .collect()
}

/// Where the links of a page lead.
fn links(html: &str) -> Vec<&str> {
    html.split("<a ")
        .skip(1)
        .map(|rest| rest.split_once("href=\"").unwrap().1.split('"').next().unwrap())
        .filter(|link| !link.starts_with("https://"))
        .collect()
}

#[tokio::test]
async fn every_page_of_the_manual_is_served_under_a_policy_without_scripts() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    for address in addresses() {
        let response = client.get(&address).await;
        assert_eq!(response.status(), 200, "{address}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        assert_eq!(header("content-type"), "text/html");
        assert_eq!(header("content-language"), "en");
        assert_eq!(header("cache-control"), "no-cache");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let tag = header("etag");
        let again = client.http.get(client.url(&address)).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{address}");
        let html = response.text().await.unwrap();
        assert!(html.contains("<html lang=\"en\">"), "{address}");
        for forbidden in ["<script", "<style", " style=", " onclick=", "javascript:", "<img", "{{"] {
            assert!(!html.contains(forbidden), "{address} has {forbidden}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{address}");
    }
    assert_eq!(client.get("/docs/").await.status(), 200);
    let style = client.get("/docs/docs.css").await;
    assert_eq!((style.status().as_u16(), style.headers()["content-type"].to_str().unwrap()), (200, "text/css"));
    for missing in ["/docs/nothing", "/docs/operating.md", "/docs/operating/", "/docs/../Cargo.toml"] {
        assert_eq!(client.get(missing).await.status(), 404, "{missing}");
    }
    assert_eq!(client.post_raw("/docs/operating", "{}").await.status(), 405);
}

#[tokio::test]
async fn every_link_of_the_manual_is_answered() {
    let server = TestServer::start(&[]).await;
    let client = server.client();
    let mut count = 0;
    for address in addresses() {
        let html = client.get(&address).await.text().await.unwrap();
        for link in links(&html) {
            count += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { html.clone() } else { client.get(path).await.text().await.unwrap() };
            if !path.is_empty() {
                assert_eq!(client.get(path).await.status(), 200, "{address}: {link}");
            }
            assert!(anchor.is_empty() || target.contains(&format!(" id=\"{anchor}\"")), "{address}: {link}");
        }
    }
    assert!(100 < count, "{count}");
}

fn document(file: &str, text: &str) -> Document {
    Document::new(file, text.to_owned()).unwrap()
}

#[test]
fn html_in_a_document_is_shown_as_text() {
    let text = "# A <b>title</b>\n\nText <i>here</i>.\n\n<script>alert(1)</script>\n\n## `<x>` & {{body}}\n\n```html\n<u>\n```\n";
    let pages = rendering::pages(&[document("test.md", text)]).unwrap();
    for page in pages {
        assert!(
            !page.html.contains("<script>") && !page.html.contains("<i>") && !page.html.contains("<u>"),
            "{}",
            page.html
        );
        assert!(!page.html.contains("<b>"), "{}", page.html);
        if page.address == "/docs/test" {
            assert!(page.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", page.html);
            assert!(
                page.html.contains("<h2 id=\"x--body\"><code>&lt;x&gt;</code> &amp; {{body}}</h2>"),
                "{}",
                page.html
            );
        }
    }
}

#[test]
fn a_link_that_leads_nowhere_fails_the_build() {
    let other = || document("OTHER.md", "# Other\n\nText.\n\n## Part one\n\n## Part one\n");
    let render = |link: &str| {
        let text = format!("# Title\n\nText with {link}.\n\n## Here\n");
        rendering::pages(&[document("test.md", &text), other()]).map(|pages| pages[1].html.clone())
    };
    for (link, address) in [
        ("[x](OTHER.md)", "/docs/other"),
        ("[x](OTHER.md#part-one-1)", "/docs/other#part-one-1"),
        ("[x](#here)", "#here"),
        ("[x](https://example.org/a?b=c&d)", "https://example.org/a?b=c&amp;d"),
    ] {
        let html = render(link).unwrap();
        assert!(html.contains(&format!("<a href=\"{address}\">x</a>")), "{html}");
    }
    for link in [
        "[x](NOTHING.md)",
        "[x](other.md)",
        "[x](OTHER.md#nothing)",
        "[x](#nothing)",
        "[x](../README.md)",
        "[x](/docs/other)",
        "[x](javascript:alert(1))",
        "![x](https://example.org/a.png)",
    ] {
        assert!(render(link).is_err(), "{link}");
    }
    for text in ["No title.", "## Second\n\n# First\n", "# One\n\n# Two\n"] {
        assert!(Document::new("test.md", text.to_owned()).is_err(), "{text}");
    }
}

/// The blocks of code of a language below a heading of a document.
fn examples(file: &str, heading: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("app/docs").join(file)).unwrap();
    let section = text.split_once(&format!("\n## {heading}\n")).expect("the section").1.split("\n## ").next().unwrap();
    let beginning = format!("```{language}\n");
    section.split(&beginning).skip(1).map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

fn shell(line: &str, directory: &Path, server: &str) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_hashpass")).parent().unwrap().to_owned();
    let path =
        std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", line]).current_dir(directory).env("S", server).env("PATH", path.unwrap());
    bash.output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_protocol_run_as_they_are_printed() {
    let server = TestServer::start(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let url = format!("http://{}", server.address());
    let blocks = examples("protocol.md", "From nothing to a code", "sh");
    let lines: Vec<&str> = blocks[0].lines().collect();
    assert_eq!(lines.len(), 6);
    for line in lines {
        let output = tokio::task::block_in_place(|| shell(line, directory.path(), &url));
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}\n{out}\n{}", String::from_utf8_lossy(&output.stderr));
        if line.ends_with("/cdn-cgi/trace") {
            assert!(out.starts_with("fl=") && out.contains("\nip=127.0.0.1\n"), "{out}");
        } else {
            serde_json::from_str::<Value>(&out).unwrap_or_else(|error| panic!("{line}\n{out}\n{error}"));
        }
    }
}

fn node(program: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(program).stdout(Stdio::piped());
    node
}

/// A receiver of the manual at work.
struct Receiver {
    url: String,
    child: Child,
    printed: BufReader<ChildStdout>,
}

impl Receiver {
    async fn start(mut command: Command, secret: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.env("PORT", address.port().to_string()).env("WEBHOOK_SIGNING_SECRET", secret);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(child.try_wait().unwrap().is_none(), "the receiver does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { url: format!("http://{address}/"), child, printed }
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receivers_of_the_manual_take_what_is_ours_once_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for (language, name) in [("python", "receiver.py"), ("js", "receiver.mjs")] {
        let path = directory.path().join(name);
        fs::write(&path, examples("integrating.md", "Hear of every win", language).remove(0)).unwrap();
        let command = if language == "js" {
            node(&path)
        } else {
            let mut python = Command::new("python3");
            python.arg(&path);
            python
        };
        let mut receiver = Receiver::start(command, secret).await;
        let server = TestServer::start(&[
            ("WEBHOOK_URL", &receiver.url),
            ("WEBHOOK_FORMAT", "event"),
            ("WEBHOOK_SIGNING_SECRET", &format!("{secret} whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")),
            ("HASHPASS_SUPPLY", "2"),
        ])
        .await;
        let client = server.client_with_session().await;
        // Somebody who knows all but the secret is told off, and nothing is printed of it.
        for signature in ["", "v1,", "v1,AAAA", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
            let forged = client.http.post(&receiver.url).header("webhook-id", "msg_forged");
            let forged = forged.header("webhook-timestamp", now).header("webhook-signature", signature);
            let body = r#"{"type":"code.won","data":{"code":"FORGED","visitor_id":"nobody"}}"#;
            assert_eq!(forged.body(body).send().await.unwrap().status(), 401, "{language} {signature}");
        }
        assert_eq!(client.http.post(&receiver.url).body("{}").send().await.unwrap().status(), 401, "{language}");
        for _ in 0..2 {
            let solution = client.solve(&client.puzzle().await).await;
            let won: Value = client.verify(&solution).await.json().await.unwrap();
            let (code, visitor) = (won["invite_code"].as_str().unwrap(), solution["visitorId"].as_str().unwrap());
            let line = tokio::task::block_in_place(|| receiver.next_line());
            assert_eq!(line, format!("{code} was won by {visitor}\n"), "{language}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_of_the_manual_is_taken_with_its_state() {
    let program = examples("integrating.md", "Bring visitors back", "python").remove(0);
    let secret = "a-secret-of-thirty-two-characters";
    let server =
        TestServer::start(&[("HASHPASS_RETURN_URLS", "https://example.org/in/"), ("HASHPASS_STATE_SECRET", secret)])
            .await;
    let client = server.client();
    let call = format!("print(link({:?}, 'https://example.org/in/?a=b', 'order 7 & 你'))", client.url(""));
    let link = Command::new("python3").args(["-c", &(program + &call)]).env("HASHPASS_STATE_SECRET", secret).output();
    let link = String::from_utf8(link.unwrap().stdout).unwrap();
    let answer = client.http.get(link.trim_end()).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{link}");
    assert!(answer.text().await.unwrap().contains("You come from example.org"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_code_of_another_site_computes_codes() {
    let directory = tempfile::tempdir().unwrap();
    let command = examples("integrating.md", "Check a code", "sh").remove(0);
    let output = tokio::task::block_in_place(|| shell(&command, directory.path(), ""));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let wrong =
        tokio::task::block_in_place(|| shell(&command.trim_end().replace("FXAR", "FXAS"), directory.path(), ""));
    assert_eq!(wrong.status.code(), Some(1));

    let computes = directory.path().join("code.mjs");
    let call = "console.log(inviteCode(process.env.SECRET, process.env.VISITOR, process.env.NONCE, process.env.SEED));";
    fs::write(&computes, examples("integrating.md", "Check a code", "js").remove(0) + call).unwrap();
    let secret = "00112233445566778899aabbccddeeff";
    let server = TestServer::start(&[("HASHPASS_HMAC_SECRET", secret)]).await;
    let client = server.client_with_session().await;
    let solution = client.solve(&client.puzzle().await).await;
    let won: Value = client.verify(&solution).await.json().await.unwrap();
    let (code, visitor) = (won["invite_code"].as_str().unwrap(), solution["visitorId"].as_str().unwrap());
    let seed = solution["submittedSeed"].as_str().unwrap();
    let nonce = solution["nonce"].to_string();
    let computed = node(&computes)
        .envs([("SECRET", secret), ("VISITOR", visitor), ("NONCE", &nonce), ("SEED", seed)])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(computed.stdout).unwrap().trim_end(), code);
}
