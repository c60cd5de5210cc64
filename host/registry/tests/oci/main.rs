//! Elements in registries: Debian's own `docker-registry` and `skopeo` on the loopback address, and
//! servers that do what a real registry does not.
#![allow(unreachable_pub, missing_docs, reason = "all of it is for the modules beside it")]

mod bench;
mod carried;
mod hostile;
mod kept;
mod logins;
mod real;
#[allow(dead_code, reason = "what downloads need of it is more")]
#[path = "../fetching/server.rs"]
mod server;
mod sharing;
mod transport;
