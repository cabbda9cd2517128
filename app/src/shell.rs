//! The document around the page: what the server sends before anything runs.

use crate::{
    language::Language,
    page::{App, text},
    wire::View,
};
use leptos::{config::LeptosOptions, hydration::AutoReload, nonce::use_nonce, prelude::*};

/// Runs before the first paint: sets the theme that the visitor chose, so that
/// nothing flashes, and notices when the page's program cannot run or does not come.
const BEFORE_PAINT: &str = include_str!("shell/before_paint.js");

/// The document with the page in it.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let style = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    let language = crate::host::current().map_or_else(|_| Language::default(), |host| host.language());
    let site = crate::host::current().map(|host| host.site()).unwrap_or_default();
    let in_lobby = crate::host::current().is_ok_and(|host| host.view() == View::Lobby);
    view! {
        <!DOCTYPE html>
        <html lang=language.tag()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <title>{text::title(language, in_lobby, &site.name)}</title>
                <meta name="description" content=text::site_description(language)/>
                <meta name="color-scheme" content="light dark"/>
                <script nonce=use_nonce()>{BEFORE_PAINT}</script>
                <link rel="stylesheet" href=style/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}
