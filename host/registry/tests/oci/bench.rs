//! An element, a registry in memory that says what a test wants, and what asks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dibhost_registry::oci::{
    Bundles, Digest, Element, ElementStore, Form, Kept, Logins, Pointer, Pulled, Registries,
    Registry, RegistryError, Repository,
};
use dibhost_registry::{Outside, Patience};

use crate::server::{Request, Server, Wire};

/// As long as it has to be on a busy machine, but between attempts.
pub fn patience() -> Patience {
    Patience { pause: Duration::from_millis(5), attempts: 3, ..Patience::default() }
}

/// For what hangs: it is found out soon.
pub fn hasty() -> Patience {
    Patience {
        silence: Duration::from_millis(300),
        window: Duration::from_millis(500),
        least: 1000,
        attempts: 2,
        ..patience()
    }
}

pub fn element(version: &str) -> Element {
    Element {
        name: "motd".to_owned(),
        version: version.to_owned(),
        license: "Apache-2.0".to_owned(),
        summary: "Says hello.".to_owned(),
        imports: vec!["dib:element/log@0.1.0".to_owned(), "dib:element/facts@0.1.0".to_owned()],
        exports: vec!["dib:element/lifecycle@0.1.0".to_owned()],
        component: [b"\0asm\x0d\0\x01\0", version.as_bytes()].concat(),
        created: 0,
    }
}

/// A registry in memory: manifests by tag and by digest, blobs by digest.
#[derive(Debug, Default, Clone)]
pub struct Content {
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub blobs: BTreeMap<String, Vec<u8>>,
}

impl Content {
    /// That has the element under its version.
    pub fn of(element: &Element) -> Self {
        let mut content = Self::default();
        content.add(element, &element.version);
        content
    }

    pub fn add(&mut self, element: &Element, tag: &str) -> Digest {
        let packed = element.pack(Form::Wasm);
        self.blob(&packed.config);
        self.blob(&element.component);
        self.manifest(tag, &packed.manifest.bytes);
        packed.manifest.digest
    }

    pub fn blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.blobs.insert(digest.to_string(), bytes.to_vec());
        digest
    }

    pub fn manifest(&mut self, tag: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
        for name in [tag, digest.as_str()] {
            self.manifests.insert(name.to_owned(), (kind.clone(), bytes.to_vec()));
        }
        digest
    }

    /// Answers as a registry does that does nothing wrong.
    pub fn serve(&self, request: &Request, wire: &mut dyn Wire) -> std::io::Result<()> {
        let path = request.path.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        if path.contains("/manifests/")
            && let Some((kind, bytes)) = self.manifests.get(name)
        {
            return answer(wire, "200 OK", &[("Content-Type", kind)], bytes);
        }
        if path.contains("/blobs/")
            && let Some(bytes) = self.blobs.get(name)
        {
            return answer(wire, "200 OK", &[], bytes);
        }
        answer(
            wire,
            "404 Not Found",
            &[("Content-Type", "application/json")],
            br#"{"errors":[{"code":"NAME_UNKNOWN","message":"not here"}]}"#,
        )
    }

    pub fn server(self) -> Server {
        Server::start(move |request, wire, _| self.serve(request, wire))
    }

    /// Serves it, but for paths that have `part` in them, which `odd` answers.
    pub fn but(
        self,
        part: &'static str,
        odd: impl Fn(&Request, &mut dyn Wire, &dyn Fn() -> bool) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Server {
        Server::start(move |request, wire, going| match request.path.contains(part) {
            true => odd(request, wire, &|| going.on()),
            false => self.serve(request, wire),
        })
    }
}

pub fn answer(
    wire: &mut dyn Wire,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<()> {
    write!(wire, "HTTP/1.1 {status}\r\n")?;
    for (name, value) in headers {
        write!(wire, "{name}: {value}\r\n")?;
    }
    write!(wire, "Content-Length: {}\r\n\r\n", body.len())?;
    wire.write_all(body)
}

/// Who asks a registry, and where what came is kept.
pub struct Bench {
    pub top: tempfile::TempDir,
    pub registries: Registries,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Outside { patience: patience(), ..Outside::default() }, Logins::none())
    }

    pub fn hasty() -> Self {
        Self::with(Outside { patience: hasty(), ..Outside::default() }, Logins::none())
    }

    pub fn with(outside: Outside, logins: Logins) -> Self {
        let registries = Registries { outside, logins, ..Registries::default() };
        Self { top: tempfile::tempdir().unwrap(), registries }
    }

    /// Lets a host be asked without TLS.
    pub fn plain(mut self, host: &str) -> Self {
        self.registries.plain.insert(host.to_owned());
        self
    }

    /// The repository of most tests, in a registry.
    pub fn repository(host: &str) -> Repository {
        format!("{host}/acme/motd").parse().unwrap()
    }

    pub fn registry(&self, repository: &Repository) -> Registry {
        self.registries.of(repository).unwrap()
    }

    pub fn store(&self) -> ElementStore {
        ElementStore::open(&self.top.path().join("cache")).unwrap()
    }

    /// Pulls, and keeps what came, as the program does.
    pub fn pull(&self, repository: &Repository, tag: &str) -> Result<Kept, RegistryError> {
        let registry = self.registry(repository);
        let pulled = registry.pull_element(repository, &pointer(tag))?;
        let Bundles { bundles, .. } = registry.bundles(repository, &pulled.manifest.digest)?;
        Ok(self.store().keep(repository, &pulled, &bundles).unwrap())
    }

    /// Pulls from a server that does something wrong: nothing of it is kept; what is said.
    pub fn refuses(self, server: &Server, tag: &str) -> String {
        let host = server.address.to_string();
        let bench = self.plain(&host);
        // What was there before is there afterwards.
        let other: Repository = "registry.example/other/element".parse().unwrap();
        let before = bench.store().keep(&other, &pulled("0.1.0"), &[]).unwrap();
        let error = bench.pull(&Self::repository(&host), tag).expect_err("it was pulled");
        assert_eq!(bench.store().list().unwrap().len(), 1, "something was kept");
        assert_eq!(bench.store().verify().unwrap(), <[String; 0]>::default());
        let after = bench.store().pulled(&other, &before.manifest).unwrap();
        assert_eq!(after, Some(before));
        let told = error.to_string();
        assert!(!told.is_empty() && !told.contains(char::is_control), "{told:?}");
        told
    }
}

pub fn pointer(text: &str) -> Pointer {
    text.parse().map_or_else(|_| Pointer::Tag(text.to_owned()), Pointer::Digest)
}

/// An element as if it had been pulled.
pub fn pulled(version: &str) -> Pulled {
    let element = element(version);
    let packed = element.pack(Form::Wasm);
    Pulled {
        manifest: packed.manifest,
        config: packed.config,
        component_digest: Digest::of(&element.component),
        component: element.component,
        title: Some("motd".to_owned()),
        version: Some(version.to_owned()),
        tag: Some(version.to_owned()),
    }
}

/// Counts, for servers that do something else the second time.
#[derive(Clone, Default)]
pub struct Times(Arc<Mutex<usize>>);

impl Times {
    pub fn next(&self) -> usize {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        *count
    }
}
