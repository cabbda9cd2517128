//! The human check in the page: the widget of Cloudflare Turnstile.
//!
//! Its script is loaded from Cloudflare when the check is needed for the first
//! time, and never in test mode; apart from the widget's own frame it is the only
//! thing on the page that comes from another server. The widget is rendered when we
//! say so and where we say so, and everything that it does comes back as a
//! [`CheckEvent`]. Nothing in here decides anything.

use crate::{race_client::CheckEvent, wire::PageState};
use js_sys::{Function, Number, Object, Promise, Reflect};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, Element, HtmlScriptElement};

/// Where the page keeps room for the widget.
const PLACE_ID: &str = "check-widget";

/// The narrowest room that the usual widget fits into, in CSS pixels; a smaller
/// one gets the compact widget.
const USUAL_WIDTH: i32 = 300;

/// What the widget calls, and what it means by that.
const CALLBACKS: [&str; 7] = [
    "callback",
    "expired-callback",
    "before-interactive-callback",
    "after-interactive-callback",
    "timeout-callback",
    "error-callback",
    "unsupported-callback",
];

/// Hears a callback's name and argument.
type Hear = Closure<dyn Fn(String, JsValue) -> bool>;

/// The widget. Cheap to clone.
#[derive(Clone)]
pub struct Widget(Rc<Inner>);

struct Inner {
    site_key: String,
    script: String,
    tell: Box<dyn Fn(CheckEvent)>,
    /// Called with the callback's name and argument. It lives as long as the page.
    hear: RefCell<Option<Hear>>,
    /// The script on its way, while there is one.
    loading: RefCell<Option<HtmlScriptElement>>,
    /// What names the widget on the page to its script.
    id: RefCell<Option<JsValue>>,
}

impl Widget {
    /// A widget that is not shown yet.
    pub fn new(page: &PageState, tell: impl Fn(CheckEvent) + 'static) -> Self {
        Self(Rc::new(Inner {
            site_key: page.turnstile.site_key.clone(),
            script: page.turnstile_script.clone(),
            tell: Box::new(tell),
            hear: RefCell::default(),
            loading: RefCell::default(),
            id: RefCell::default(),
        }))
    }

    /// Shows the widget, in the place of a present one.
    pub fn show(&self) {
        let inner = self.0.clone();
        spawn_local(async move {
            let event = match inner.load().await {
                Ok(()) => match inner.render() {
                    Some(()) => CheckEvent::Shown,
                    // It refuses its settings: a site key that is none, say.
                    None => CheckEvent::Failed("render".to_owned()),
                },
                Err(_) => CheckEvent::NotLoaded,
            };
            (inner.tell)(event);
        });
    }

    /// Has the widget begin anew.
    pub fn reset(&self) {
        let id = self.0.id.borrow().clone();
        let reset = id.and_then(|id| call("reset", &[id]));
        if reset.is_none() {
            self.show();
        }
    }
}

impl Inner {
    async fn load(&self) -> Result<(), JsValue> {
        if turnstile().is_some() {
            return Ok(());
        }
        let document = document().ok_or(JsValue::NULL)?;
        // An earlier attempt may still be loading; it is given up.
        if let Some(late) = self.loading.take() {
            late.remove();
        }
        let script: HtmlScriptElement = document.create_element("script")?.dyn_into()?;
        script.set_src(&self.script);
        script.set_async(true);
        let loaded = Promise::new(&mut |resolve, reject| {
            script.set_onload(Some(&resolve));
            script.set_onerror(Some(&reject));
        });
        document.head().ok_or(JsValue::NULL)?.append_child(&script)?;
        self.loading.replace(Some(script.clone()));
        let outcome = JsFuture::from(loaded).await;
        self.loading.take();
        if outcome.is_err() || turnstile().is_none() {
            script.remove();
            return Err(JsValue::NULL);
        }
        // It stays in the page: it looks its own element up there.
        Ok(())
    }

    fn render(self: &Rc<Self>) -> Option<()> {
        if let Some(id) = self.id.take() {
            call("remove", &[id]);
        }
        let document = document()?;
        let place = document.get_element_by_id(PLACE_ID)?;
        place.set_text_content(None);
        let options = self.options(&document, &place).ok()?;
        let id = call("render", &[place.into(), options.into()])?;
        if id.is_undefined() || id.is_null() {
            return None;
        }
        self.id.replace(Some(id));
        Some(())
    }

    fn options(self: &Rc<Self>, document: &Document, place: &Element) -> Result<Object, JsValue> {
        let size = if place.client_width() < USUAL_WIDTH { "compact" } else { "flexible" };
        let (theme, language) = document.document_element().map(|root| look(&root)).unwrap_or_default();
        let options = Object::new();
        let set = |name: &str, value: &JsValue| Reflect::set(&options, &name.into(), value);
        for (name, value) in [
            ("sitekey", self.site_key.as_str()),
            ("theme", theme.as_str()),
            ("language", language.as_str()),
            ("size", size),
            // A token that expires or a visitor who is too slow is no failure.
            ("refresh-expired", "auto"),
            ("refresh-timeout", "auto"),
            ("retry", "auto"),
        ] {
            set(name, &name_or_auto(value))?;
        }
        // There is no form to put the token into, and reports to Cloudflare about
        // the check are not for this page to send.
        set("response-field", &JsValue::FALSE)?;
        set("feedback-enabled", &JsValue::FALSE)?;
        let hear = self.hear();
        for name in CALLBACKS {
            set(name, &hear.bind1(&JsValue::NULL, &name.into()))?;
        }
        Ok(options)
    }

    /// The function behind all callbacks.
    fn hear(self: &Rc<Self>) -> Function {
        let mut hear = self.hear.borrow_mut();
        let hear = hear.get_or_insert_with(|| {
            let inner = Rc::downgrade(self);
            Closure::new(move |name: String, argument: JsValue| {
                if let (Some(inner), Some(event)) = (inner.upgrade(), event(&name, &argument)) {
                    (inner.tell)(event);
                }
                // Errors are told on the page, so the script need not do it in the console.
                true
            })
        });
        hear.as_ref().unchecked_ref::<Function>().clone()
    }
}

fn event(callback: &str, argument: &JsValue) -> Option<CheckEvent> {
    let text = || match argument.as_f64() {
        // The browser knows how to write a number.
        Some(number) => Number::from(number).to_string_with_radix(10).ok().map(String::from),
        None => argument.as_string(),
    };
    Some(match callback {
        "callback" => CheckEvent::Passed(argument.as_string()?),
        "expired-callback" => CheckEvent::Expired,
        "before-interactive-callback" => CheckEvent::Interactive,
        "after-interactive-callback" | "timeout-callback" => CheckEvent::Continues,
        "error-callback" => CheckEvent::Failed(text().unwrap_or_else(|| "unknown".to_owned())),
        "unsupported-callback" => CheckEvent::Unsupported,
        _ => return None,
    })
}

/// Theme and language of the page, in the widget's words.
fn look(root: &Element) -> (String, String) {
    let theme = root.get_attribute("data-theme").unwrap_or_default();
    let language = root.get_attribute("lang").unwrap_or_default().to_ascii_lowercase();
    // The widget knows languages with countries, but no scripts such as `zh-Hans`.
    let language = match language.split_once('-') {
        Some(("zh", "hant" | "tw" | "hk" | "hant-tw" | "hant-hk")) => "zh-tw".to_owned(),
        Some(("zh", _)) => "zh-cn".to_owned(),
        None if language == "zh" => "zh-cn".to_owned(),
        _ => language,
    };
    (theme, language)
}

fn name_or_auto(value: &str) -> JsValue {
    JsValue::from_str(if value.is_empty() { "auto" } else { value })
}

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

fn turnstile() -> Option<JsValue> {
    Reflect::get(&js_sys::global(), &"turnstile".into()).ok().filter(JsValue::is_object)
}

/// Calls a function of the widget's script; `None` if it throws.
fn call(name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let turnstile = turnstile()?;
    let function: Function = Reflect::get(&turnstile, &name.into()).ok()?.dyn_into().ok()?;
    function.apply(&turnstile, &arguments.iter().collect()).ok()
}
