//! The imports of the contract as far as this crate calls them, by the names and forms that
//! `wit-bindgen` gives them on wasm; here each goes to the tape.

macro_rules! arguments {
    ($($name:literal: $value:expr),*) => {
        [$(($name.to_owned(), crate::replay::wire::argument($value))),*]
            .into_iter()
            .collect::<serde_json::Map<String, serde_json::Value>>()
    };
}

type Fallible<T> = Result<T, crate::bindings::dib::element::types::Error>;

/// Functions of interfaces, all of which can fail: the name in Rust and in WIT, and the same of
/// each argument.
macro_rules! functions {
    ($($module:ident $interface:literal {
        $($name:ident $call:literal ($($argument:ident $wit:literal: $type:ty),*) -> $answer:ty;)*
    })*) => {$(
        pub(crate) mod $module {
            #[allow(unused_imports, reason = "an interface may take texts alone")]
            pub(crate) use crate::bindings::dib::element::$module::*;

            $(pub(crate) fn $name($($argument: $type),*) -> super::Fallible<$answer> {
                let arguments = arguments!($($wit: &$argument),*);
                crate::replay::tape::fallible(concat!($interface, ".", $call), arguments)
            })*
        }
    )*};
}

functions! {
    facts "facts" {
        provide "provide" (slot "slot": &str, key "key": &str, value "value": &str) -> ();
        consume "consume" (slot "slot": &str) -> Vec<Fact>;
    }
    packages "packages" {
        request "request" (wishes "wishes": &[Wish]) -> ();
        debconf "debconf" (answers "answers": &[Answer]) -> ();
        add_deb_repository "add-deb-repository" (repository "repository": &DebRepository) -> ();
        add_rpm_repository "add-rpm-repository" (repository "repository": &RpmRepository) -> ();
        enable_module "enable-module" (module "module": &Module) -> ();
        install_group "install-group" (group "group": &Group) -> ();
        upgrade_all "upgrade-all" () -> ();
    }
    files "files" {
        request "request" (wishes "wishes": &[Wish]) -> ();
    }
    services "services" {
        set "set" (unit "unit": &str, state "state": &str) -> ();
        define "define" (unit "unit": &str, content "content": &str) -> ();
        add_drop_in "add-drop-in" (drop_in "drop-in": &DropIn) -> ();
        add_preset "add-preset" (preset "preset": &Preset) -> ();
    }
    accounts "accounts" {
        ensure_user "ensure-user" (user "user": &User) -> ();
        ensure_group "ensure-group" (name "name": &str, gid "gid": Option<u32>) -> ();
        set_password "set-password" (
            user "user": &str, password "password": &super::host::Secret
        ) -> ();
    }
    block_device "block-device" {
        nodes "nodes" () -> Vec<Node>;
        add "add" (nodes "nodes": &[Node]) -> ();
        replace "replace" (node "node": &Node) -> ();
    }
    bootstrap "bootstrap" {
        create "create" (source "source": &Source) -> ();
    }
    builder "builder" {
        authorized_keys "authorized-keys" () -> Vec<String>;
        proxies "proxies" () -> Proxy;
    }
    exec "exec" {
        run "run" (command "command": &Command) -> Output;
        run_with_secret "run-with-secret" (
            command "command": &Command, stdin "stdin": &super::host::Secret
        ) -> Output;
    }
}

/// A handle is its number in the record, and is dropped as a component drops it.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $call:literal, $argument:literal) => {
        $(#[$doc])*
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(u32);

        impl Drop for $name {
            fn drop(&mut self) {
                crate::replay::tape::drop($call, arguments!($argument: &self.0));
            }
        }
    };
}

pub(crate) mod log {
    pub(crate) use crate::bindings::dib::element::log::*;

    pub(crate) fn write(level: Level, message: &str, fields: &[(String, String)]) {
        let arguments = arguments!("level": &level, "message": message, "fields": fields);
        crate::replay::tape::plain::<()>("log.write", arguments);
    }
}

pub(crate) mod outputs {
    use super::Fallible;
    use super::blobs::Blob;
    use crate::replay::tape;

    pub(crate) fn emit(suffix: &str, content: &Blob) -> Fallible<()> {
        tape::fallible("outputs.emit", arguments!("suffix": suffix, "content": content))
    }
}

pub(crate) mod blobs {
    use super::Fallible;
    use crate::replay::tape;

    handle!(
        /// Bytes that the host holds.
        Blob, "blobs.blob.drop", "blob"
    );

    impl Blob {
        pub(crate) fn digest(&self) -> Fallible<String> {
            tape::fallible("blobs.blob.digest", arguments!("blob": self))
        }

        pub(crate) fn size(&self) -> Fallible<u64> {
            tape::fallible("blobs.blob.size", arguments!("blob": self))
        }

        pub(crate) fn read(&self, offset: u64, length: u64) -> Fallible<Vec<u8>> {
            let arguments = arguments!("blob": self, "offset": &offset, "length": &length);
            tape::fallible("blobs.blob.read", arguments)
        }
    }

    pub(crate) fn from_bytes(content: &[u8]) -> Fallible<Blob> {
        tape::fallible("blobs.from-bytes", arguments!("content": content))
    }
}

pub(crate) mod fetch {
    use super::Fallible;
    use super::blobs::Blob;
    use crate::replay::tape;

    pub(crate) fn get(url: &str, digest: Option<&str>) -> Fallible<Blob> {
        tape::fallible("fetch.get", arguments!("url": url, "digest": &digest))
    }

    pub(crate) fn git(url: &str, revision: &str) -> Fallible<Blob> {
        tape::fallible("fetch.git", arguments!("url": url, "revision": revision))
    }
}

pub(crate) mod host {
    use super::Fallible;
    use crate::bindings::dib::element::host::{Target, Value};
    use crate::bindings::dib::element::types::{Error, ErrorCode};
    use crate::replay::tape;

    /// The running build, which the host lends: nothing drops it.
    #[derive(Debug)]
    pub(crate) struct Build(u32);

    impl Build {
        pub(crate) fn lent() -> Self {
            Self(tape::lent_build())
        }

        pub(crate) fn target(&self) -> Target {
            tape::plain("host.build.target", arguments!("build": &self.0))
        }

        pub(crate) fn parameter(&self, name: &str) -> Fallible<Option<Value>> {
            tape::fallible("host.build.parameter", arguments!("build": &self.0, "name": name))
        }

        pub(crate) fn secret(&self, name: &str) -> Fallible<Option<Secret>> {
            tape::fallible("host.build.secret", arguments!("build": &self.0, "name": name))
        }
    }

    handle!(
        /// A secret, of which a record has nothing but that it was there.
        Secret, "host.secret.drop", "secret"
    );

    impl Secret {
        /// In no record and in no replay, as the host answers.
        pub(crate) fn open(&self) -> Fallible<Vec<u8>> {
            Err(Error {
                code: ErrorCode::Unsupported,
                message: "a secret is opened in no record and in no replay".to_owned(),
                context: Vec::new(),
                help: None,
                extensions: Vec::new(),
            })
        }
    }
}

pub(crate) mod inputs {
    use super::Fallible;
    use crate::bindings::dib::element::inputs::{About, Node};
    use crate::replay::tape;

    handle!(
        /// An input of the definition.
        Input, "inputs.input.drop", "input"
    );

    pub(crate) fn open(name: &str) -> Fallible<Input> {
        tape::fallible("inputs.open", arguments!("name": name))
    }

    impl Input {
        pub(crate) fn about(&self) -> Fallible<About> {
            tape::fallible("inputs.input.about", arguments!("input": &self.0))
        }

        pub(crate) fn nodes(&self, start_after: Option<&str>) -> Fallible<Vec<Node>> {
            let arguments = arguments!("input": &self.0, "start-after": &start_after);
            tape::fallible("inputs.input.nodes", arguments)
        }

        pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Fallible<Vec<u8>> {
            let arguments = arguments!(
                "input": &self.0, "path": path, "offset": &offset, "length": &length
            );
            tape::fallible("inputs.input.read", arguments)
        }
    }
}

pub(crate) mod rootfs {
    use super::Fallible;
    pub(crate) use crate::bindings::dib::element::rootfs::*;
    use crate::replay::tape;

    handle!(
        /// The target tree.
        Tree, "rootfs.tree.drop", "tree"
    );

    pub(crate) fn open(path: &str) -> Fallible<Tree> {
        tape::fallible("rootfs.open", arguments!("path": path))
    }

    impl Tree {
        pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Fallible<Vec<u8>> {
            let arguments = arguments!(
                "tree": &self.0, "path": path, "offset": &offset, "length": &length
            );
            tape::fallible("rootfs.tree.read", arguments)
        }

        pub(crate) fn stat(&self, path: &str) -> Fallible<Option<Stat>> {
            tape::fallible("rootfs.tree.stat", arguments!("tree": &self.0, "path": path))
        }

        pub(crate) fn walk(
            &self,
            path: &str,
            options: WalkFlags,
            start_after: Option<&str>,
        ) -> Fallible<Vec<Entry>> {
            let arguments = arguments!(
                "tree": &self.0, "path": path, "options": &options, "start-after": &start_after
            );
            tape::fallible("rootfs.tree.walk", arguments)
        }

        pub(crate) fn apply(&self, changes: &[Change]) -> Fallible<()> {
            tape::fallible("rootfs.tree.apply", arguments!("tree": &self.0, "changes": changes))
        }

        pub(crate) fn place(
            &self,
            blob: &super::blobs::Blob,
            path: &str,
            attributes: &Attributes,
        ) -> Fallible<()> {
            let arguments = arguments!(
                "tree": &self.0, "blob": blob, "path": path, "attributes": attributes
            );
            tape::fallible("rootfs.tree.place", arguments)
        }

        pub(crate) fn capture(&self, path: &str) -> Fallible<super::blobs::Blob> {
            tape::fallible("rootfs.tree.capture", arguments!("tree": &self.0, "path": path))
        }

        pub(crate) fn unpack(
            &self,
            archive: &super::blobs::Blob,
            path: &str,
            strip: u32,
        ) -> Fallible<()> {
            let arguments = arguments!(
                "tree": &self.0, "archive": archive, "path": path, "strip": &strip
            );
            tape::fallible("rootfs.tree.unpack", arguments)
        }

        pub(crate) fn place_input(
            &self,
            input: &super::inputs::Input,
            path: &str,
            placement: &Placement,
        ) -> Fallible<()> {
            let arguments = arguments!(
                "tree": &self.0, "input": input, "path": path, "placement": placement
            );
            tape::fallible("rootfs.tree.place-input", arguments)
        }

        pub(crate) fn write_secret(
            &self,
            path: &str,
            secret: &super::host::Secret,
            attributes: &Attributes,
        ) -> Fallible<()> {
            let arguments = arguments!(
                "tree": &self.0, "path": path, "secret": secret, "attributes": attributes
            );
            tape::fallible("rootfs.tree.write-secret", arguments)
        }
    }
}
