//! Secrets: named, given, never read while planning.

use dibhost_definition::Definition;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::planner::StepAnswer;
use dibhost_plan::wish::Wish;
use dibhost_plan::{Phase, PlanInputs};
use serde_json::json;

use crate::elements::*;

const IN: Phase = Phase::Install;
const SECRETS: &str = "[secrets]\nroot-password = { file = \"keys/root\" }\n\
    other = { environment = \"OTHER\" }\n";

fn wants_password(name: &str) -> Element {
    element(name).parameter("password", ParameterKind::Secret, None).wishes(
        IN,
        &[Wish::Password { user: "debian".to_owned(), parameter: "password".to_owned() }],
    )
}

/// What makes the grants of [`wants_password`] whole.
fn placing(element: Element) -> Element {
    element.requests("secret", "place password")
}

#[test]
fn a_plan_knows_which_secret_goes_where_and_nothing_more() {
    let text = format!("{SECRETS}[parameters.a]\npassword = \"root-password\"\n");
    let plan = plan_text(&text, &[placing(wants_password("a"))]).unwrap();
    assert_eq!(plan.element("a").unwrap().parameters["password"], json!("root-password"));
    assert_eq!(plan.passwords[0].secret, "root-password");
    let shown = plan.to_text();
    assert!(shown.contains("root-password  the file `keys/root`  given to a.password"), "{shown}");
    assert!(shown.contains("password of debian from the secret root-password, by a"), "{shown}");
    // Where it lies says nothing of what is built.
    let elsewhere = text.replace("keys/root", "other/place");
    let other = plan_text(&elsewhere, &[placing(wants_password("a"))]).unwrap();
    assert_eq!(other.digest, plan.digest);
}

#[test]
fn a_secret_that_is_not_there_is_a_finding() {
    let text = format!(
        "[image]\nname = \"t\"\nelements = [\"a\"]\n{SECRETS}[parameters.a]\npassword = \"other\"\n"
    );
    let definition = Definition::parse(&text, "image.toml", std::path::Path::new(".")).unwrap();
    let shelf = Shelf::new([placing(wants_password("a"))]);
    let mut inputs = PlanInputs::for_arch("amd64");
    let here = dibhost_plan::plan(&definition, &shelf, &inputs).unwrap();
    for name in ["other", "root-password"] {
        inputs.missing_secrets.insert(name.to_owned(), "is nowhere".to_owned());
    }
    let gone = dibhost_plan::plan(&definition, &shelf, &inputs).unwrap();
    let said: Vec<_> = gone.findings.iter().map(|f| f.message.as_str()).collect();
    assert!(said.contains(&"the secret `other` is nowhere"), "{said:?}");
    // Nobody is given that one.
    assert!(!said.iter().any(|s| s.contains("root-password")), "{said:?}");
    assert_eq!(gone.digest, here.digest);
}

#[test]
fn what_is_no_name_of_a_secret_is_not_shown() {
    let a = || placing(wants_password("a"));
    let text = "[parameters.a]\npassword = \"hunter2\"\n";
    let refused = refused_text(text, &[a()]);
    assert!(!refused.contains("hunter2"), "{refused}");
    insta::assert_snapshot!(refused, @r#"
    image.toml:5:12: the parameter `password` of `a` takes the name of a secret, and `[secrets]` has none of the name it is set to
      help: a secret never stands in a definition; say where it is
        [secrets]
        password = { file = "…" }
        and set `password` to that name
    "#);
    let text = format!("{SECRETS}[parameters.a]\npassword = \"root-pasword\"\n");
    insta::assert_snapshot!(refused_text(&text, &[a()]), @r"
    image.toml:8:12: the parameter `password` of `a` takes the name of a secret, and `[secrets]` has none of the name it is set to
      help: did you mean `root-password`?
    ");
    insta::assert_snapshot!(refused_text(SECRETS, &[a()]), @r#"
    image.toml:3:13: `a` needs the parameter `password`
      3 | elements = ["a"]
        |             ^^^
      help: `password` is the name of a secret in `[secrets]`: what password is; add
        [parameters.a]
        password = "…"
    "#);
}

#[test]
fn a_secret_is_placed_by_grant_only() {
    let text = format!("{SECRETS}[parameters.a]\npassword = \"other\"\n");
    insta::assert_snapshot!(refused_text(&text, &[wants_password("a")]), @r#"
    image.toml:3:13: `a` wishes for what it may not: it holds no grant `secret` that covers `place password`
      3 | elements = ["a"]
        |             ^^^
    "#);
    let sneaky = placing(wants_password("a")).third_party();
    insta::assert_snapshot!(refused_text(&text, &[sneaky]), @r#"
    image.toml:3:13: `a` asks for what the definition does not grant: `accounts` `*` (for accounts), `secret` `place password` (for secret)
      3 | elements = ["a"]
        |             ^^^
      help: if you trust it with that, add
        [grants.a]
        accounts = ["*"]
        secret = ["place password"]
    "#);
}

#[test]
fn one_user_has_one_password() {
    let text = format!(
        "{SECRETS}[parameters.a]\npassword = \"other\"\n[parameters.b]\npassword = \"root-password\"\n"
    );
    let two = [placing(wants_password("a")), placing(wants_password("b"))];
    insta::assert_snapshot!(refused_text(&text, &two), @r"
    the password of `debian`: `a` (`install`) wants the secret `other`, and `b` (`install`) wants the secret `root-password`
      help: set a parameter of one of the two so that they agree, or leave one out
    ");
    let nameless =
        placing(element("a").parameter("password", ParameterKind::Secret, Some(json!(null))))
            .requests("accounts", "*")
            .step(IN)
            .answers(|call| {
                let mut answer = StepAnswer::default();
                if call.phase == IN {
                    let (user, parameter) = ("debian".to_owned(), "password".to_owned());
                    answer.wishes.push(Wish::Password { user, parameter });
                }
                Ok(answer)
            });
    insta::assert_snapshot!(refused(&[nameless]), @"`a` (`install`) wishes for a password of `debian` from its parameter `password`, which names no secret");
}
