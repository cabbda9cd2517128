//! On which of two routes the live connection is tried: a WebSocket, or polls where
//! something on the way blocks those.

/// Failures in a row before the other route is tried.
const SOCKET_FAILURES: u32 = 2;

/// The same on a page on which a WebSocket has stood before: then it is likely the server
/// that is away.
const SOCKET_FAILURES_AFTER_SUCCESS: u32 = 6;

/// A way to hear of the race as it happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// A WebSocket.
    #[default]
    Socket,
    /// Requests that wait for something to happen.
    Polls,
}

/// What is known of the routes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiveRoute {
    route: Route,
    /// True once the present connection stands.
    is_open: bool,
    /// True once a WebSocket has stood on this page.
    socket_works: bool,
    /// WebSockets in a row that did not come about.
    failures: u32,
}

impl LiveRoute {
    /// The route of the next connection.
    pub const fn next(&mut self) -> Route {
        self.is_open = false;
        self.route
    }

    /// The connection stands.
    pub const fn opened(&mut self) {
        self.is_open = true;
        if let Route::Socket = self.route {
            self.socket_works = true;
            self.failures = 0;
        }
    }

    /// It has ended, or was given up. One that had stood is tried again as it was.
    pub const fn closed(&mut self) {
        if self.is_open {
            self.is_open = false;
            return;
        }
        self.route = match self.route {
            Route::Polls => Route::Socket,
            Route::Socket => {
                self.failures = self.failures.saturating_add(1);
                let most = if self.socket_works { SOCKET_FAILURES_AFTER_SUCCESS } else { SOCKET_FAILURES };
                if self.failures < most { Route::Socket } else { Route::Polls }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The routes that are tried when each fails.
    fn failing(routes: &mut LiveRoute, times: usize) -> Vec<Route> {
        let attempt = |_| {
            let route = routes.next();
            routes.closed();
            route
        };
        (0..times).map(attempt).collect()
    }

    #[test]
    fn where_sockets_fail_polls_are_tried_and_kept_once_they_work() {
        use Route::{Polls, Socket};
        let mut routes = LiveRoute::default();
        assert_eq!(failing(&mut routes, 5), [Socket, Socket, Polls, Socket, Polls]);
        assert_eq!(failing(&mut routes, 1), [Socket]);
        assert_eq!(routes.next(), Polls);
        routes.opened();
        routes.closed();
        assert_eq!(routes.next(), Polls, "it worked");
    }

    #[test]
    fn where_a_socket_has_worked_the_server_is_given_time() {
        let mut routes = LiveRoute::default();
        assert_eq!(routes.next(), Route::Socket);
        routes.opened();
        routes.closed();
        assert_eq!(failing(&mut routes, 6), [Route::Socket; 6]);
        assert_eq!(routes.next(), Route::Polls);
    }
}
