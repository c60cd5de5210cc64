//! Downloads from real servers on the loopback address, most of them hostile.
#![allow(unreachable_pub, missing_docs, reason = "all of it is for the modules beside it")]

mod bench;
mod files;
mod promises;
mod repositories;
#[allow(dead_code, reason = "what registries need of it is more")]
mod server;
mod tls;
