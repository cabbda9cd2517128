//! The trace: what the edge says it sees of this device.

use super::request;
use puzzle::TraceData;

/// Reads the trace. Cloudflare answers this path itself, before our server.
pub async fn fetch(seconds: u32) -> Option<TraceData> {
    request::get_text("/cdn-cgi/trace", seconds).await.ok()?.parse().ok()
}
