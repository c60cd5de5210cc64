//! Keeps secrets in every way there is, and says aloud what it can; and makes a keeper, of whom all
//! is said that can be said of an account.

use dibhost_element_sdk::{
    Description, DropIn, Element, Outcome, Parameters, Phase, Plan, Preset, PresetAction, Result,
    Run, SecretParameter, Step, Sudo, User, description, export_element,
};

#[derive(Parameters)]
struct Keeper {
    /// The password of root.
    password: SecretParameter,
    /// Written to a file, and given to `cat`, which says it.
    key: SecretParameter,
    /// Opened, and logged.
    token: SecretParameter,
    /// The hash of the keeper's password.
    #[parameter(default = "")]
    hash: String,
}

impl Element for Keeper {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::PostInstall))
            .request("accounts", "root", "to set its password")
            .request("accounts", "keeper", "to keep what is kept")
            .request("accounts-sudo", "keeper", "to keep what is root's")
            .request("services", "keeper-*", "to keep them off")
            .request("services-define", "keeper.service", "to keep it going")
            .request("rootfs", "write /etc/keeper", "to keep the key")
            .request("exec", "cat", "to say the key")
            .request("exec", "sh", "to keep the programs alive for a moment")
            .request("secret", "place password", "to set it")
            .request("secret", "place key", "to keep it")
            .request("secret", "open token", "to say it")
    }

    fn plan_post_install(&self, plan: &Plan<'_>) -> Result<()> {
        if !self.hash.is_empty() {
            plan.user(User {
                name: "keeper".to_owned(),
                comment: Some("Keeps secrets".to_owned()),
                sudo: Some(Sudo::Nopasswd),
                password_hash: Some(self.hash.clone()),
                expires: Some("2030-12-31".to_owned()),
                change_password: true,
                ..User::default()
            })?;
        }
        plan.drop_in(DropIn::new("keeper.service", "10-more", "[Service]\nRestart=always\n"))?;
        plan.preset(Preset::new(90, "keeper-*", PresetAction::Disable))?;
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
