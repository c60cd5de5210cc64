//! The checks that hold an element, by name.
//!
//! Whoever refuses something asks first whether the check is in force:
//!
//! ```
//! use dibhost_check::Check;
//! # let granted = true;
//! if Check::RootfsScope.holds() && !granted {
//!     // refuse
//! }
//! ```
//!
//! [`Check::holds`] is `true`, always and known to the compiler, unless the feature `take-out` is
//! on. `make test-hostile` builds such a program, takes out one check at a time by
//! `DIBHOST_TAKE_OUT`, and sees the hostile test of that check fail: a check that nothing bites
//! on is no check.

/// What is told of a check: its name in `DIBHOST_TAKE_OUT` and what it refuses.
macro_rules! checks {
    ($($variant:ident $name:literal $refuses:literal;)*) => {
        /// A check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = concat!("Refuses ", $refuses, ".")] $variant,)*
        }

        impl Check {
            /// All of them, by name.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// `rootfs-scope`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it refuses, as a sentence part after "refuses".
            #[must_use]
            pub fn refuses(self) -> &'static str {
                match self { $(Self::$variant => $refuses,)* }
            }
        }
    };
}

// By name, a line each.
checks! {
    AccountComment "account-comment" "a comment of an account that ends its field of `/etc/passwd`";
    AccountExpiry "account-expiry" "an expiry of an account that is no day";
    AccountId "account-id" "a number of a user or group that means `none` to the kernel";
    AccountName "account-name" "a name of a user or group that no account file takes";
    AccountPath "account-path" "a home folder or shell that breaks a line of `/etc/passwd`";
    AccountsGrant "accounts-grant" "an account that is not granted";
    AccountsSudoGrant "accounts-sudo-grant" "a rule of `sudo` that is not granted";
    ArchiveClimb "archive-climb" "a name in an archive that has `..` in it";
    ArchiveEntries "archive-entries" "an archive of more entries than one call applies";
    ArchiveKind "archive-kind" "a device or pipe in an archive";
    AuthorizedKey "authorized-key" "an authorized key that is none, or more than one line";
    BlobBytes "blob-bytes" "more bytes of blobs than the host holds for a step";
    BlockDeviceGrant "block-device-grant" "nodes of the block device that are not granted";
    BootPath "boot-path" "a path of GRUB's images that is not absolute and normal";
    BootstrapGrant "bootstrap-grant" "a first tree that is not granted";
    BuilderGrant "builder-grant" "a look at the builder that is not granted";
    CacheBytes "cache-bytes" "more bytes or entries than an element may keep between builds";
    CacheFolderLink "cache-folder-link" "a folder of compiled code that is a symbolic link";
    CacheFolderMode "cache-folder-mode" "a folder of compiled code that others may write to";
    CacheFolderOwner "cache-folder-owner" "a folder of compiled code that belongs to another user";
    CacheGrant "cache-grant" "bytes kept between builds that are not granted";
    CacheKey "cache-key" "a key of the cache as a path";
    CacheNamesake "cache-namesake" "what another component of the same name kept between builds";
    CallBytes "call-bytes" "more bytes than one call hands over";
    Changes "changes" "more changes than one call applies";
    ClusterDigest "cluster-digest" "a compressed cluster of the cache that is not what it was";
    CompileMemory "compile-memory" "a component that takes more memory to compile than there is for it";
    CompileTime "compile-time" "a component that takes too long to compile";
    ComponentBytes "component-bytes" "a component larger than any is";
    ComponentOnly "component-only" "a file that is no component: native code that passes for one";
    ContainerReference "container-reference" "a container's reference that is none";
    DebconfAnswer "debconf-answer" "an answer for debconf of more than a line";
    DescriptionBytes "description-bytes" "a description with more text or entries than a person can read";
    DiskLabel "disk-label" "a label that could be an option or end a quotation";
    DropInName "drop-in-name" "a drop-in whose name is no name of a file";
    ElementName "element-name" "a component that calls itself another than its file";
    ElementTwin "element-twin" "two different elements of one name";
    ElementsGrant "elements-grant" "an element that another brings along or takes the place of, and nobody granted it";
    ExecGrant "exec-grant" "a program in the target that is not granted";
    ExecName "exec-name" "a program that is neither a name nor an absolute path";
    ExecNetworkGrant "exec-network-grant" "the network for a program that is not granted it";
    ExecNul "exec-nul" "a NUL in what a program is started with";
    ExecVariable "exec-variable" "a variable whose name is none";
    FactBytes "fact-bytes" "more bytes of facts than a step may provide";
    FactConsume "fact-consume" "a slot read that the step does not declare";
    FactKey "fact-key" "a key of a fact with control characters";
    FactProvide "fact-provide" "a slot written that the step does not declare";
    FactSchema "fact-schema" "a value that does not fit the schema of its slot";
    FactTiming "fact-timing" "an observed slot written or read while planning";
    Facts "facts" "more facts than a step provides";
    FactsGrant "facts-grant" "a value of a slot of `dib:` or `dibhost:` that is not granted";
    FactsReadGrant "facts-read-grant" "a look at the values of a slot that is not granted";
    FetchDigest "fetch-digest" "bytes from outside that are not those that were asked for";
    FetchDowngrade "fetch-downgrade" "a download by `https:` that a server sends on to where anybody can exchange it";
    FetchGrant "fetch-grant" "a download from a host that is not granted";
    FetchKept "fetch-kept" "a file of the store of downloads that is not what it was";
    FetchRedirect "fetch-redirect" "a download that a server sends on to a host that is not granted";
    FetchRevision "fetch-revision" "a revision of a git repository that is none";
    FetchSlow "fetch-slow" "a server that holds a download up by a byte now and then";
    FetchUnpinned "fetch-unpinned" "a download of whatever there is, which is not granted";
    FileAttribute "file-attribute" "an extended attribute of a file whose name is none";
    FilePath "file-path" "a path of a file that is wished for and not absolute and normal";
    Files "files" "more files than a step may make in the target";
    FirstPartyDigest "first-party-digest" "trust in an element that is not one of the host's by its digest";
    FolderSwap "folder-swap" "a folder of the cache that another user can exchange";
    Fuel "fuel" "more instructions than a step may carry out";
    GrantRequested "grant-requested" "an element that requests what the definition does not grant";
    Handles "handles" "more handles than an element holds at once";
    HardLinkSource "hard-link-source" "a second name for a file that may be read only";
    HeldCapabilities "held-capabilities" "a program of the builder that talks to others the capabilities of who builds";
    HeldMemory "held-memory" "a program of the builder that talks to others more memory than there is for it";
    HeldNetwork "held-network" "a program of the builder sockets that it has no need of";
    HeldSight "held-sight" "a program of the builder that talks to others the sight of the builder's files";
    HostCapabilities "host-capabilities" "a program of the builder that reads the tree the capabilities of those in it";
    HostLinks "host-links" "a symbolic link on the way of what the host itself writes into the tree";
    HostName "host-name" "an element that has the name of the host itself";
    HostOwns "host-owns" "another's folder given to a user for its keys";
    HostSight "host-sight" "a program of the builder that reads the tree the sight of the builder's files";
    HostSlot "host-slot" "a value of a slot that is the host's alone";
    HostTime "host-time" "a program of the builder that reads the tree to run for ever";
    HostTree "host-tree" "a program of the builder that reads the tree to change it";
    ImportKnown "import-known" "an import of what the host does not offer";
    InputKind "input-kind" "a pipe, socket or device in an input of the definition";
    InputsGrant "inputs-grant" "an input of the definition that is not granted";
    InsistedExtension "insisted-extension" "an extension that must be understood and is not";
    KeySlots "key-slots" "more key slots of encryptions than anybody waits for";
    LayerDigest "layer-digest" "bytes of a layer in the cache that are not those that were kept";
    LayerNames "layer-names" "a name in the manifest of a layer that leads out of its folder";
    LiftedBytes "lifted-bytes" "strings and lists of one call that are many times the memory they are in";
    LockGrowth "lock-growth" "an element that changed and asks for more than `dib.lock` keeps";
    LogLines "log-lines" "more lines of the log than a step says";
    Memory "memory" "more memory than an element gets";
    MountOption "mount-option" "a mount option that ends its field of fstab";
    MountPoint "mount-point" "a mount point that ends its field of fstab, or climbs";
    NodeName "node-name" "a name of a node that is none";
    OutputBytes "output-bytes" "more bytes beside the image than a step may put there";
    OutputFile "output-file" "what a taken-over program put in the place of an image";
    OutputsGrant "outputs-grant" "a file beside the image that is not granted";
    OutputsReplace "outputs-replace" "a file beside the image in the place of one that dibhost did not write";
    OutputsSuffix "outputs-suffix" "a suffix that leads out of the image's folder";
    Owner "owner" "an owner whose number means `leave as it is` to the kernel";
    PackageGroup "package-group" "a module or group of packages whose name is none";
    PackageName "package-name" "a package's name that is none";
    PackageVersion "package-version" "a package's version that is none";
    PackagesGrant "packages-grant" "a package that is not granted";
    PasswordHash "password-hash" "a hash of a password that is none, or more than one field of `/etc/shadow`";
    PasswordLine "password-line" "a password of more than one line, which sets another user's too";
    PathAbsolute "path-absolute" "a path of the target that is not absolute";
    PathBytes "path-bytes" "a path of the target longer than 4095 bytes";
    PathNameBytes "path-name-bytes" "a name in a path of the target longer than 255 bytes";
    PathNul "path-nul" "a path of the target with a NUL in it";
    PresetUnit "preset-unit" "a preset for what is neither a unit nor a pattern of units";
    ProgramCapabilities "program-capabilities" "a program in the target the capabilities that root has on the host";
    ProgramCore "program-core" "a program in the target that leaves a core, with secrets in it";
    ProgramEnvironment "program-environment" "a program in the target the worker's environment";
    ProgramHandles "program-handles" "a program in the target that opens a file of the host by its handle";
    ProgramIds "program-ids" "a program in the target the ids of the machine: root there is root outside";
    ProgramKernel "program-kernel" "a program in the target that switches the host's kernel";
    ProgramKeys "program-keys" "a program in the target that reaches for keyrings of the host";
    ProgramLandlock "program-landlock" "a program in the target what Landlock can hold: device nodes, paths, sockets and signals beyond its tree";
    ProgramLines "program-lines" "a program in the target more lines in the log than anybody reads";
    ProgramLoopback "program-loopback" "the builder's own sockets to a program in the target that has a network";
    ProgramMachinery "program-machinery" "a program in the target that uses bpf, io_uring, perf or userfaultfd";
    ProgramMemory "program-memory" "more memory than the programs of a step may have";
    ProgramMounts "program-mounts" "a program in the target that mounts";
    ProgramNamespaces "program-namespaces" "a program in the target that makes or enters a namespace";
    ProgramNetwork "program-network" "a program in the target the network of the host and its abstract sockets";
    ProgramPids "program-pids" "a program in the target the processes of the host";
    ProgramRoot "program-root" "a program in the target the folder above its root";
    ProgramSockets "program-sockets" "a program in the target that opens a socket of an odd family";
    ProgramSwitches "program-switches" "a program in the target the switches of the kernel in `/proc`";
    ProgramTerminal "program-terminal" "a program in the target that types into a terminal";
    ProgramTracing "program-tracing" "a program in the target that traces another process";
    ProgramUnlimited "program-unlimited" "programs of a foreign element on a machine that cannot limit them";
    ProgramYoungCalls "program-young-calls" "a program in the target that makes a system call nobody judged yet";
    Programs "programs" "more processes than a step may have at once";
    ProxyPassword "proxy-password" "the password of a proxy to an element";
    RegularFile "regular-file" "a pipe or device read or added to as a file";
    RepositoriesGrant "repositories-grant" "a repository that is not granted";
    RepositoryKey "repository-key" "a repository's key that is more or other than one block of public keys";
    RepositoryName "repository-name" "a repository's name that is no name of a file";
    RepositorySuite "repository-suite" "a suite or component that says more to apt";
    RepositoryUrl "repository-url" "a URL that is neither `http:` nor `https:`, or holds a password";
    RequestScope "request-scope" "a request of a scope that its capability does not know";
    RootfsMode "rootfs-mode" "a mode of more than the permission bits";
    RootfsOpen "rootfs-open" "a path to open that has `..` in it";
    RootfsResolve "rootfs-resolve" "a way out of the tree by `..` or an absolute symbolic link";
    RootfsScope "rootfs-scope" "a path of the target outside of what is granted";
    RunTime "run-time" "a call that takes longer than it may";
    SchemaBacktracking "schema-backtracking" "a pattern of a schema that backtracks";
    SchemaBomb "schema-bomb" "a schema that would keep the host busy";
    SchemaValid "schema-valid" "a schema of a slot that is none, or has to be fetched";
    SecretOpenGrant "secret-open-grant" "a secret opened that is not granted to be";
    SecretPlaceGrant "secret-place-grant" "a secret placed that is not granted to be";
    SecretRedaction "secret-redaction" "a secret in a line of a log or a message";
    SecretSpilt "secret-spilt" "a secret in a program's arguments, its environment or a fact";
    ServicesDefineGrant "services-define-grant" "a unit's text that is not granted";
    ServicesGrant "services-grant" "a unit's state that is not granted";
    SlotArity "slot-arity" "a second value of a slot that takes one";
    SlotClash "slot-clash" "a slot that two elements mean differently";
    SlotName "slot-name" "a slot's name that is none";
    TerminalCodes "terminal-codes" "control characters on their way to a terminal or log";
    TreeAttributes "tree-attributes" "extended attributes that what makes a filesystem cannot take, or dies of";
    TreePaths "tree-paths" "a path so long that what makes a filesystem writes behind its memory";
    TreeTimes "tree-times" "a time that what makes a filesystem cannot hold";
    Tuning "tuning" "a tuning of a filesystem that could be an option";
    UnitName "unit-name" "a unit's name that is none";
    UnitText "unit-text" "a unit's text with control characters";
    WasiEnvironment "wasi-environment" "the builder's environment to an element";
    WasiFiles "wasi-files" "the builder's files to an element";
    WishInRun "wish-in-run" "a wish made while building, which no plan showed";
    Wishes "wishes" "more wishes than a step makes";
    Written "written" "more bytes than a step may write into the target";
    WrittenBytes "written-bytes" "a file of the person who builds that is larger than anybody writes";
    WrittenKind "written-kind" "a device or pipe as a file of the person who builds";
}

impl Check {
    /// Whether the check is in force: always, but in a program built for `make test-hostile`.
    #[cfg(not(feature = "take-out"))]
    #[must_use]
    #[inline(always)]
    pub const fn holds(self) -> bool {
        true
    }

    /// Whether the check is in force: not when `DIBHOST_TAKE_OUT` names it.
    #[cfg(feature = "take-out")]
    #[must_use]
    pub fn holds(self) -> bool {
        static TAKEN_OUT: std::sync::LazyLock<Option<String>> =
            std::sync::LazyLock::new(|| std::env::var(TAKE_OUT).ok());
        TAKEN_OUT.as_deref() != Some(self.name())
    }
}

/// The variable that names the check to take out.
pub const TAKE_OUT: &str = "DIBHOST_TAKE_OUT";

/// What a process of the host that is started with an environment of its own has to be handed:
/// nothing, but in a program built for `make test-hostile`.
pub fn handed_on() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let named = cfg!(feature = "take-out").then(|| std::env::var_os(TAKE_OUT)).flatten();
    named.map(|named| (TAKE_OUT, named)).into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_each_is_there_once() {
        let names: Vec<_> = Check::ALL.iter().map(|c| c.name()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}
