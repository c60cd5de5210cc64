//! Fetches in every way there is, and puts what it gets below `/opt`.

use dibhost_element_sdk::{
    Change, Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};

#[derive(Parameters)]
struct Seeker {
    /// Where the server is: `http://127.0.0.1:PORT`.
    server: String,
    /// The digest of `/tool.tar.gz` there.
    digest: String,
}

impl Element for Seeker {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("fetch", "127.0.0.1", "what it seeks is there")
            .request("fetch", "unpinned", "nobody knows what it is")
            .request("rootfs", "write /opt", "to put it there")
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let at = |path: &str| format!("{}{path}", self.server);
        let tree = run.rootfs()?;
        tree.apply([Change::directory("/opt")])?;
        tree.unpack(&run.fetch(&at("/tool.tar.gz"), &self.digest)?, "/opt/tool", 1)?;
        tree.place(&run.fetch_unpinned(&at("/notes"))?, "/opt/notes")?;
        tree.unpack(&run.fetch_commit(&at("/repository"), "main")?, "/opt/main", 0)?;
        Ok(Outcome::Done)
    }
}

export_element!(Seeker);
