//! A server that answers as a test says: over HTTP, over TLS with an authority of the test's own,
//! as a proxy, and with git's own program for repositories.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// A connection to a client.
pub trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// How long something that never ends goes on, unless the client ends it.
pub struct Going<'a>(&'a AtomicBool);

impl Going<'_> {
    pub fn on(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }
}

type Answer = dyn Fn(&Request, &mut dyn Wire, &Going<'_>) -> std::io::Result<()> + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    stopping: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request as `answer` does; then the connection is closed.
    pub fn start(
        answer: impl Fn(&Request, &mut dyn Wire, &Going<'_>) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::listen(None, Arc::new(answer))
    }

    /// The same over TLS.
    pub fn tls(
        authority: &Authority,
        name: &str,
        answer: impl Fn(&Request, &mut dyn Wire, &Going<'_>) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::listen(Some(authority.server(name)), Arc::new(answer))
    }

    /// Serves these bytes at any path.
    pub fn of(content: &'static [u8]) -> Self {
        Self::start(move |_, wire, _| whole(wire, content))
    }

    fn listen(tls: Option<Arc<ServerConfig>>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let requests = Arc::default();
        let server = Self {
            address,
            scheme: if tls.is_some() { "https" } else { "http" },
            stopping: Arc::clone(&stopping),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                let (stopping, requests) = (Arc::clone(&stopping), Arc::clone(&requests));
                std::thread::spawn(move || {
                    let connection = connection.unwrap();
                    connection.set_nodelay(true).unwrap();
                    let end = connection.try_clone().unwrap();
                    let going = Going(&stopping);
                    // A client that goes away in the middle is what some tests are about.
                    let _ = match tls {
                        Some(tls) => {
                            let session = ServerConnection::new(tls).unwrap();
                            let mut wire = StreamOwned::new(session, connection);
                            let served = serve(&mut wire, &requests, &*answer, &going);
                            wire.conn.send_close_notify();
                            let _ = wire.flush();
                            served
                        }
                        None => serve(&mut &connection, &requests, &*answer, &going),
                    };
                    let _ = end.shutdown(Shutdown::Write);
                    // Else the kernel may throw away what was sent.
                    end.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
                    let _ = (&end).read(&mut [0; 1 << 10]);
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The same server by its name.
    pub fn by_name(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|r| r.path).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    wire: &mut dyn Wire,
    requests: &Mutex<Vec<Request>>,
    answer: &Answer,
    going: &Going<'_>,
) -> std::io::Result<()> {
    let request = read_request(wire)?;
    requests.lock().unwrap().push(request.clone());
    answer(&request, wire, going)?;
    wire.flush()
}

fn read_request(wire: &mut dyn Wire) -> std::io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        wire.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = request.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    wire.read_exact(&mut request.body)?;
    Ok(request)
}

/// 200 and all of it.
pub fn whole(wire: &mut dyn Wire, content: &[u8]) -> std::io::Result<()> {
    write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len())?;
    wire.write_all(content)
}

/// A status and nothing else.
pub fn status(wire: &mut dyn Wire, status: &str) -> std::io::Result<()> {
    write!(wire, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

/// A redirect.
pub fn redirect(wire: &mut dyn Wire, to: &str) -> std::io::Result<()> {
    write!(wire, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// Passes a connection on to where the client wants it: what a proxy does.
pub fn proxy(request: &Request, wire: TcpStream) -> std::io::Result<()> {
    let target = TcpStream::connect(&request.path)?;
    let mut client = wire;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut up, mut down) = (client.try_clone()?, target.try_clone()?);
    let mut upstream = target;
    let upward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut upstream);
        let _ = upstream.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut down, &mut client)?;
    let _ = client.shutdown(Shutdown::Both);
    let _ = upward.join();
    Ok(())
}

/// A proxy for one connection after another, and who was connected.
pub struct Proxy {
    pub address: SocketAddr,
    pub connected: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connected: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&connected);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request = read_request(&mut connection).unwrap();
                noted.lock().unwrap().push(format!("{} {}", request.method, request.path));
                std::thread::spawn(move || proxy(&request, connection));
            }
        });
        Self { address, connected }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An authority that signs certificates of servers.
pub struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    /// Its certificate, as a file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for a name and its key, as files in a folder.
    pub fn files(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (certificate_file, key_file) = (folder.join("server.pem"), folder.join("server.key"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (certificate_file, key_file)
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// Answers as `git http-backend` does for the repositories in a folder.
pub fn git(folder: &Path, request: &Request, wire: &mut dyn Wire) -> std::io::Result<()> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("GIT_PROJECT_ROOT", folder).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("REQUEST_METHOD", &request.method).env("REMOTE_ADDR", "127.0.0.1");
    for (header, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().unwrap().write_all(&request.body)?;
    let output = child.wait_with_output()?;
    let mut said = BufReader::new(output.stdout.as_slice());
    let (mut status, mut headers) = ("200 OK".to_owned(), String::new());
    loop {
        let mut line = String::new();
        said.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => match line.strip_prefix("Status: ") {
                Some(said) => status = said.to_owned(),
                None => headers.push_str(&format!("{line}\r\n")),
            },
        }
    }
    let mut body = Vec::new();
    said.read_to_end(&mut body)?;
    write!(wire, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())?;
    wire.write_all(&body)
}

/// Serves the files of a folder, as a server that knows nothing of git does.
pub fn files(folder: &Path, request: &Request, wire: &mut dyn Wire) -> std::io::Result<()> {
    let path = request.path.split('?').next().unwrap_or_default();
    match std::fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(content) => whole(wire, &content),
        Err(_) => status(wire, "404 Not Found"),
    }
}
