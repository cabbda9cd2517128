//! The manual: Markdown files become the pages that every instance serves at `/docs`.
//!
//! A page runs no script and loads two style sheets. HTML that stands in the Markdown
//! is shown as text. Headings get the names that code hosting sites give them, so that
//! one link works there and here; a link that leads nowhere fails the build.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};
use std::{collections::HashMap, fmt::Write, fs, path::Path};

/// What every page is put into.
const FRAME: &str = include_str!("manual.html");

/// The order in which the documents are offered. Others follow, by their names.
const ORDER: [&str; 7] = ["operating", "integrating", "protocol", "lobby", "security", "performance", "changelog"];

/// A document of the manual.
#[derive(Debug)]
pub(crate) struct Document {
    /// The name of its file, such as `operating.md`.
    pub(crate) file: String,
    /// Its name in addresses: `operating`.
    pub(crate) name: String,
    /// The text of its first heading.
    pub(crate) title: String,
    /// Its first paragraph, without markup.
    pub(crate) summary: String,
    /// All headings but the first, in order.
    pub(crate) headings: Vec<Heading>,
    text: String,
}

/// A heading of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heading {
    /// 1 … 6.
    pub(crate) level: u8,
    /// Its name in links.
    pub(crate) id: String,
    /// Its text, without markup.
    pub(crate) text: String,
}

/// A page, ready to be served.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its address, such as `/docs/operating`.
    pub(crate) address: String,
    /// The whole of it.
    pub(crate) html: String,
}

/// Reads all Markdown files of a directory.
///
/// # Errors
/// One sentence for the person at the terminal.
pub(crate) fn read(directory: &Path) -> Result<Vec<Document>, String> {
    let cannot = |error| format!("{} cannot be read: {error}.", directory.display());
    let mut documents = Vec::new();
    for entry in fs::read_dir(directory).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".md")) else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}.", path.display()))?;
        documents.push(Document::new(file, text)?);
    }
    let place = |document: &Document| ORDER.iter().position(|name| *name == document.name).unwrap_or(ORDER.len());
    documents.sort_by(|one, other| (place(one), &one.name).cmp(&(place(other), &other.name)));
    Ok(documents)
}

/// The page of every document, and the one that lists them all.
///
/// # Errors
/// One sentence about the first link or image that the manual cannot have.
pub(crate) fn pages(documents: &[Document]) -> Result<Vec<Page>, String> {
    let mut pages = vec![list(documents)];
    for document in documents {
        let body = document.render(documents)?;
        let address = document.address();
        let html = frame(&document.title, &offered(documents, &document.name), &document.contents(), &body);
        pages.push(Page { address, html });
    }
    Ok(pages)
}

/// All headings of a Markdown text, the first one included.
pub(crate) fn headings(text: &str) -> Vec<Heading> {
    let mut ids = Ids::default();
    let mut headings = Vec::new();
    let mut current: Option<(u8, String)> = None;
    for event in parse(text) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => current = Some((number(level), String::new())),
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = current.take() {
                    headings.push(Heading { level, id: ids.of(&text), text });
                }
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some((_, text)) = &mut current {
                    text.push_str(&part);
                }
            }
            _ => {}
        }
    }
    headings
}

impl Document {
    /// Takes a document in.
    ///
    /// # Errors
    /// One sentence if it does not begin with its title, or has another one.
    pub(crate) fn new(file: &str, text: String) -> Result<Self, String> {
        let mut headings = headings(&text);
        if headings.iter().map(|heading| heading.level).position(|level| level == 1) != Some(0)
            || headings.iter().filter(|heading| heading.level == 1).count() != 1
        {
            return Err(format!("{file} must have one heading of the first level, before all others."));
        }
        let title = headings.remove(0).text;
        let name = file.trim_end_matches(".md").to_ascii_lowercase();
        Ok(Self { file: file.to_owned(), name, title, summary: first_paragraph(&text), headings, text })
    }

    fn address(&self) -> String {
        format!("/docs/{}", self.name)
    }

    /// The document's text as HTML.
    fn render(&self, documents: &[Self]) -> Result<String, String> {
        let mut ids = headings(&self.text).into_iter().map(|heading| heading.id);
        let mut events = Vec::new();
        for event in parse(&self.text) {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    let id = ids.next().map(Into::into);
                    events.push(Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() }));
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                    let dest_url = self.resolve(&dest_url, documents)?.into();
                    events.push(Event::Start(Tag::Link { link_type, dest_url, title, id }));
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    return Err(format!("{}: the manual has no pictures, so {dest_url} cannot be shown.", self.file));
                }
                // What is wider than the screen scrolls by itself, by the keyboard too.
                Event::Start(Tag::Table(alignment)) => {
                    events.push(Event::Html("<div class=\"wide\" tabindex=\"0\">".into()));
                    events.push(Event::Start(Tag::Table(alignment)));
                }
                Event::End(TagEnd::Table) => {
                    events.push(Event::End(TagEnd::Table));
                    events.push(Event::Html("</div>\n".into()));
                }
                Event::Start(Tag::CodeBlock(_)) => events.push(Event::Html("<pre tabindex=\"0\"><code>".into())),
                Event::End(TagEnd::CodeBlock) => events.push(Event::Html("</code></pre>\n".into())),
                Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
                Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
                Event::Html(html) | Event::InlineHtml(html) => events.push(Event::Text(html)),
                other => events.push(other),
            }
        }
        let mut html = String::new();
        push_html(&mut html, events.into_iter());
        // A heading without a word heads nothing: to a screen reader it would be one.
        Ok(html.replace("<th></th>", "<td></td>"))
    }

    /// Where a link of this document leads on an instance.
    fn resolve(&self, destination: &str, documents: &[Self]) -> Result<String, String> {
        if ["https://", "http://", "mailto:"].iter().any(|scheme| destination.starts_with(scheme)) {
            return Ok(destination.to_owned());
        }
        let nowhere = || format!("{}: the link to {destination} leads nowhere in the manual.", self.file);
        let (file, anchor) = destination.split_once('#').unwrap_or((destination, ""));
        let target = if file.is_empty() { Some(self) } else { documents.iter().find(|other| other.file == file) };
        let target = target.ok_or_else(nowhere)?;
        if !destination.contains('#') {
            return Ok(target.address());
        }
        if !target.headings.iter().any(|heading| heading.id == anchor) {
            return Err(nowhere());
        }
        Ok(if file.is_empty() { format!("#{anchor}") } else { format!("{}#{anchor}", target.address()) })
    }

    /// The table of contents: headings of the second level, and in them those of the
    /// third. Folded away on a phone, where it would come before the text.
    fn contents(&self) -> String {
        let mut sections: Vec<(&Heading, Vec<&Heading>)> = Vec::new();
        for heading in &self.headings {
            match (heading.level, sections.last_mut()) {
                (2, _) => sections.push((heading, Vec::new())),
                (3, Some((_, subsections))) => subsections.push(heading),
                _ => {}
            }
        }
        if sections.is_empty() {
            return String::new();
        }
        let link = |Heading { id, text, .. }: &Heading| format!("<a href=\"#{id}\">{}</a>", escaped(text));
        let mut html = String::from(
            "<nav aria-label=\"On this page\"><details class=\"contents\"><summary>On this page</summary><ol>",
        );
        for (section, subsections) in sections {
            let _ = write!(html, "<li>{}", link(section));
            if !subsections.is_empty() {
                let items: String = subsections.into_iter().map(|inner| format!("<li>{}</li>", link(inner))).collect();
                let _ = write!(html, "<ol>{items}</ol>");
            }
            html.push_str("</li>");
        }
        html.push_str("</ol></details></nav>");
        html
    }
}

/// The page that lists the documents.
fn list(documents: &[Document]) -> Page {
    let mut body = String::from("<h1>The manual</h1>\n<dl>");
    for document in documents {
        let (address, title, summary) = (document.address(), escaped(&document.title), escaped(&document.summary));
        let _ = write!(body, "<dt><a href=\"{address}\">{title}</a></dt><dd>{summary}</dd>");
    }
    body.push_str("</dl>");
    Page { address: "/docs".to_owned(), html: frame("The manual", &offered(documents, ""), "", &body) }
}

/// The links to all documents, of which one is shown.
fn offered(documents: &[Document], shown: &str) -> String {
    let link = |document: &Document| {
        let current = if document.name == shown { " aria-current=\"page\"" } else { "" };
        format!("<li><a href=\"{}\"{current}>{}</a></li>", document.address(), escaped(&document.title))
    };
    documents.iter().map(link).collect()
}

fn frame(title: &str, offered: &str, contents: &str, body: &str) -> String {
    let mut html = String::with_capacity(FRAME.len() + body.len() + contents.len());
    // Split first and filled then: what a document says is never taken for a place.
    for part in FRAME.split("{{") {
        let (place, rest) = part.split_once("}}").unwrap_or(("", part));
        match place {
            "title" => html.push_str(&escaped(title)),
            "documents" => html.push_str(offered),
            "contents" => html.push_str(contents),
            "body" => html.push_str(body),
            _ => {}
        }
        html.push_str(rest);
    }
    html
}

fn parse(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

fn first_paragraph(text: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for event in parse(text) {
        match event {
            Event::Start(Tag::Paragraph) => inside = true,
            Event::End(TagEnd::Paragraph) => break,
            Event::Text(part) | Event::Code(part) if inside => words.push_str(&part),
            Event::SoftBreak | Event::HardBreak if inside => words.push(' '),
            _ => {}
        }
    }
    words
}

const fn number(level: HeadingLevel) -> u8 {
    level as u8
}

/// The names of the headings of one document: lower case, without punctuation, with
/// hyphens for spaces, and with a number where a name comes again.
#[derive(Debug, Default)]
struct Ids(HashMap<String, usize>);

impl Ids {
    fn of(&mut self, text: &str) -> String {
        let kept = text.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let id: String = kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = self.0.entry(id.clone()).and_modify(|times| *times += 1).or_insert(0);
        if *times == 0 { id } else { format!("{id}-{times}") }
    }
}

/// A text as it stands in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
