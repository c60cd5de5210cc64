//! Mirrors on the loopback address that break when told to, and small signed archives for them.
//!
//! A [`Server`] serves a folder, or stands in front of a real archive and passes its files on
//! (so that a real build can be broken at any file). [`Fault`]s hold for the paths that contain
//! a pattern.

mod archive;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::tool;

pub use archive::{Archive, Package, fake_archive};

/// What goes wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 404.
    NotFound,
    /// 503.
    Unavailable,
    /// As many bytes as given are sent of those that were promised, then the connection closes.
    Truncated(u64),
    /// The byte at this offset has all its bits turned; past the end, the last one.
    Changed(u64),
    /// This many bytes a second.
    Slow(u64),
    /// The headers are sent and then nothing, until the server stops.
    Stalled,
    /// The connection is closed without an answer.
    Closed,
}

/// A running HTTP server, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    upstream: Option<String>,
    faults: Mutex<Vec<(String, Fault)>>,
    requests: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl Server {
    /// Serves the files of a folder.
    ///
    /// # Errors
    /// When no port of the loopback address can be had.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::listen(folder, None)
    }

    /// Stands in front of another server (`http://…` or `https://…`, without a `/` at the
    /// end); what was fetched once is kept in `folder` and served from there.
    ///
    /// # Errors
    /// When no port of the loopback address can be had.
    pub fn in_front_of(upstream: &str, folder: &Path) -> Result<Self> {
        Self::listen(folder, Some(upstream.trim_end_matches('/').to_owned()))
    }

    fn listen(folder: &Path, upstream: Option<String>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listening for a mirror")?;
        let address = listener.local_addr().context("listening for a mirror")?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            upstream,
            faults: Mutex::default(),
            requests: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let listener = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if accepting.stopping.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let answering = Arc::clone(&accepting);
                // A client that goes away in the middle is no concern of the server's.
                std::thread::spawn(move || drop(answering.answer(connection)));
            }
        });
        Ok(Self { address, shared, listener: Some(listener) })
    }

    /// Its address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this goes wrong with every path that contains `pattern`; what was said last
    /// holds.
    pub fn fault(&self, pattern: &str, fault: Fault) {
        lock(&self.shared.faults).push((pattern.to_owned(), fault));
    }

    /// From now on nothing goes wrong.
    pub fn mend(&self) {
        lock(&self.shared.faults).clear();
    }

    /// The paths that were asked for until now, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A last connection wakes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

/// The archive that this machine's own apt uses for its release (`http://…/debian`).
///
/// # Errors
/// When apt's sources name none.
pub fn system_archive() -> Result<String> {
    let format = "$(RELEASE) $(COMPONENT) $(CREATED_BY) $(REPO_URI)";
    let said = tool::run("apt-get", &["indextargets", "--format", format])?;
    let release = fs::read_to_string("/etc/os-release").context("reading /etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let wanted = format!("{} main Packages ", codename.unwrap_or_default());
    let address = said.lines().find_map(|line| line.strip_prefix(&wanted));
    let address = address.context("apt's sources name no archive of this machine's release")?;
    Ok(address.trim_end_matches('/').to_owned())
}

impl Shared {
    fn answer(&self, mut connection: TcpStream) -> Result<()> {
        let mut head = BufReader::new(connection.try_clone()?);
        let mut request = String::new();
        head.read_line(&mut request)?;
        let mut line = String::new();
        while head.read_line(&mut line)? > 2 {
            line.clear();
        }
        let mut words = request.split_whitespace();
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
        let path = decode(path.split('?').next().unwrap_or_default());
        lock(&self.requests).push(path.clone());

        let faults = lock(&self.faults).clone();
        let fault = faults.iter().rev().find(|(pattern, _)| path.contains(pattern.as_str()));
        let fault = fault.map(|(_, fault)| *fault);
        match fault {
            Some(Fault::Closed) => return Ok(()),
            Some(Fault::NotFound) => return refuse(&mut connection, "404 Not Found"),
            Some(Fault::Unavailable) => return refuse(&mut connection, "503 Service Unavailable"),
            _ => {}
        }
        let Some((mut file, length)) = self.open(&path) else {
            return refuse(&mut connection, "404 Not Found");
        };
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )?;
        if method == "HEAD" {
            return Ok(());
        }
        match fault {
            Some(Fault::Truncated(bytes)) => {
                std::io::copy(&mut file.take(bytes), &mut connection)?;
            }
            Some(Fault::Changed(offset)) => {
                let offset = offset.min(length.saturating_sub(1));
                std::io::copy(&mut (&mut file).take(offset), &mut connection)?;
                let mut byte = [0];
                if file.read(&mut byte)? == 1 {
                    connection.write_all(&[!byte[0]])?;
                }
                file.seek(SeekFrom::Start(offset + 1))?;
                std::io::copy(&mut file, &mut connection)?;
            }
            Some(Fault::Slow(bytes)) => {
                let part = (bytes / 10).max(1);
                while std::io::copy(&mut (&mut file).take(part), &mut connection)? == part
                    && !self.stopping.load(Ordering::SeqCst)
                {
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Some(Fault::Stalled) => {
                while !self.stopping.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            _ => {
                std::io::copy(&mut file, &mut connection)?;
            }
        }
        Ok(())
    }

    fn open(&self, path: &str) -> Option<(File, u64)> {
        if path.split('/').any(|part| part == "..") {
            return None;
        }
        let file = self.folder.join(path.trim_start_matches('/'));
        if !file.is_file() {
            self.fetch(path, &file).ok()?;
        }
        let opened = File::open(&file).ok()?;
        let metadata = opened.metadata().ok()?;
        metadata.is_file().then_some((opened, metadata.len()))
    }

    /// Fetches a file from the server that this one stands in front of.
    fn fetch(&self, path: &str, file: &Path) -> Result<()> {
        let upstream = self.upstream.as_ref().context("there is no such file")?;
        let parent = file.parent().context("a file without a folder")?;
        fs::create_dir_all(parent)?;
        // Two clients may ask for one file: each fetches its own, and the last rename stays.
        let part = tempfile::NamedTempFile::new_in(parent)?;
        let target = part.path().to_string_lossy().into_owned();
        let url = format!("{upstream}{path}");
        tool::run("curl", &["--silent", "--show-error", "--fail", "--output", &target, &url])?;
        part.persist(file)?;
        Ok(())
    }
}

fn refuse(connection: &mut TcpStream, status: &str) -> Result<()> {
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Undoes `%2b` and its like (apt writes `+` and `~` so).
fn decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `curl` gets of a path: its exit code and the bytes.
    fn get(server: &Server, path: &str, more: &[&str]) -> (i32, Vec<u8>) {
        let url = format!("{}{path}", server.url());
        let args = [&["--silent", "--fail", "--max-time", "10"], more, &[&url]].concat();
        let output = tool::output("curl", &args).unwrap();
        (output.status.code().unwrap(), output.stdout)
    }

    #[test]
    fn a_folder_is_served_and_every_fault_is_seen_by_a_client() {
        let folder = crate::work_folder().unwrap();
        fs::create_dir(folder.path().join("a+b")).unwrap();
        fs::write(folder.path().join("a+b/file"), "0123456789").unwrap();
        let server = Server::start(folder.path()).unwrap();
        let whole = (0, b"0123456789".to_vec());
        assert_eq!(get(&server, "/a%2bb/file", &[]), whole);
        assert_eq!(get(&server, "/a+b/file", &["--head"]).0, 0);
        assert_eq!(get(&server, "/a+b", &[]).0, 22);
        assert_eq!(get(&server, "/none", &[]).0, 22);

        // curl: 22 refused with a status, 18 partial file, 52 empty answer, 28 time-out.
        server.fault("file", Fault::NotFound);
        assert_eq!(get(&server, "/a+b/file", &[]), (22, vec![]));
        server.fault("file", Fault::Unavailable);
        assert_eq!(get(&server, "/a+b/file", &[]).0, 22);
        server.fault("file", Fault::Truncated(4));
        assert_eq!(get(&server, "/a+b/file", &[]), (18, b"0123".to_vec()));
        server.fault("file", Fault::Changed(3));
        assert_eq!(get(&server, "/a+b/file", &[]), (0, b"012\xcc456789".to_vec()));
        server.fault("file", Fault::Changed(99));
        assert_eq!(get(&server, "/a+b/file", &[]).1.last(), Some(&!b'9'));
        server.fault("file", Fault::Closed);
        assert_eq!(get(&server, "/a+b/file", &[]).0, 52);
        server.fault("file", Fault::Stalled);
        assert_eq!(get(&server, "/a+b/file", &["--max-time", "1"]).0, 28);
        server.fault("file", Fault::Slow(20));
        let started = std::time::Instant::now();
        assert_eq!(get(&server, "/a+b/file", &[]), whole);
        assert!(started.elapsed() > Duration::from_millis(400));
        server.mend();
        assert_eq!(get(&server, "/a+b/file", &[]), whole);
        assert_eq!(server.requests()[..2], ["/a+b/file", "/a+b/file"]);
    }

    #[test]
    fn a_server_in_front_of_another_passes_on_and_keeps() {
        let folder = crate::work_folder().unwrap();
        let (behind, before) = (folder.path().join("behind"), folder.path().join("before"));
        fs::create_dir_all(behind.join("x")).unwrap();
        fs::write(behind.join("x/file"), "content").unwrap();
        let archive = Server::start(&behind).unwrap();
        let proxy = Server::in_front_of(&archive.url(), &before).unwrap();
        assert_eq!(get(&proxy, "/x/file", &[]), (0, b"content".to_vec()));
        assert_eq!(get(&proxy, "/x/file", &[]), (0, b"content".to_vec()));
        assert_eq!(archive.requests(), ["/x/file"]);
        assert_eq!(get(&proxy, "/x/none", &[]).0, 22);
        proxy.fault("x/", Fault::Closed);
        assert_eq!(get(&proxy, "/x/file", &[]).0, 52);
    }

    #[test]
    fn a_stopped_server_refuses_connections() {
        let folder = crate::work_folder().unwrap();
        let server = Server::start(folder.path()).unwrap();
        let address = server.address;
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }
}
