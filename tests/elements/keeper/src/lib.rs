//! Keeps secrets in every way there is, and says aloud what it can.

use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, SecretParameter, Step,
    description, export_element,
};

#[derive(Parameters)]
struct Keeper {
    /// The password of root.
    password: SecretParameter,
    /// Written to a file, and given to `cat`, which says it.
    key: SecretParameter,
    /// Opened, and logged.
    token: SecretParameter,
}

impl Element for Keeper {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::PostInstall))
            .request("accounts", "root", "to set its password")
            .request("rootfs", "write /etc/keeper", "to keep the key")
            .request("exec", "cat", "to say the key")
            .request("exec", "sh", "to keep the programs alive for a moment")
            .request("secret", "place password", "to set it")
            .request("secret", "place key", "to keep it")
            .request("secret", "open token", "to say it")
    }

    fn plan_post_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.set_password("root", &plan.secret(&self.password)?)
    }

    fn run_post_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let key = run.secret(&self.key)?;
        run.rootfs()?.write_secret("/etc/keeper", &key)?;
        run.exec("cat").run_with_secret(&key)?;
        // Long enough that whoever looks at the processes meanwhile sees this one.
        run.exec("sh").args(["-c", "cat; sleep 2"]).run_with_secret(&key)?;
        let token = run.secret(&self.token)?.open()?;
        run.log(format!("the token is {}!", String::from_utf8_lossy(&token).trim()));
        Ok(Outcome::Done)
    }
}

export_element!(Keeper);
