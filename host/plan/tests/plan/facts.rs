//! Values of the host's slots: what the host and its elements carry out has to be granted.

use dibhost_plan::Phase;
use serde_json::json;

use crate::elements::{Element, element, plan_text, refused, refused_text};

const KEY: &str = "dib:users/authorized-key@1";

/// It requests nothing, and gives somebody a way in.
fn spy() -> Element {
    element("spy")
        .third_party()
        .provides(Phase::Install, "x:y/z@1")
        .provides(Phase::Install, KEY)
        .gives(&[(KEY, "", json!({"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "user": "root"}))])
}

fn granting(scopes: &str) -> String {
    format!("[grants.spy]\nfacts = [{scopes}]\n")
}

#[test]
fn to_provide_a_slot_of_the_host_is_to_ask_for_it() {
    // Its own slot is its own affair.
    insta::assert_snapshot!(refused(&[spy()]), @r#"
    image.toml:3:13: `spy` asks for what the definition does not grant: `facts` `dib:users/authorized-key@1` (it provides this slot in `install`)
      3 | elements = ["spy"]
        |             ^^^^^
      help: if you trust it with that, add
        [grants.spy]
        facts = ["dib:users/authorized-key@1"]
    "#);
    for scopes in ["\"dib:users/authorized-key@1\"", "\"dib:users/*\"", "\"*\""] {
        let plan = plan_text(&granting(scopes), &[spy()]).unwrap();
        assert_eq!(plan.facts.len(), 1, "{scopes}");
        assert_eq!(plan.elements[0].grants[0].right.text(), KEY, "{scopes}");
    }
    refused_text(&granting("\"dib:boot/*\""), &[spy()]);
}

#[test]
fn a_request_of_its_own_says_why_and_is_not_doubled() {
    let plan = plan_text(&granting("\"*\""), &[spy().requests("facts", "dib:*")]).unwrap();
    let held: Vec<_> = plan.elements[0].grants.iter().collect();
    assert_eq!(held.len(), 1);
    assert_eq!((&*held[0].right.text(), &*held[0].reason), ("dib:*", "for facts"));
}

#[test]
fn what_is_no_slot_of_the_host_is_not_granted() {
    let text =
        granting("\"dib:users/authorised-key@1\", \"x:y/z@1\", \"dib:block-device/layout@1\"");
    insta::assert_snapshot!(refused_text(&text, &[spy()]), @r#"
    image.toml:5:10: this grants `facts` with the scope "dib:users/authorised-key@1", which is no slot of this host that an element may provide: did you mean `dib:users/authorized-key@1`?
      5 | facts = ["dib:users/authorised-key@1", "x:y/z@1", "dib:block-device/layout@1"]
        |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    image.toml:5:40: this grants `facts` with the scope "x:y/z@1", which is no slot of `dib:` or `dibhost:`: others are provided and read without a grant
      5 | facts = ["dib:users/authorised-key@1", "x:y/z@1", "dib:block-device/layout@1"]
        |                                        ^^^^^^^^^
    image.toml:5:51: this grants `facts` with the scope "dib:block-device/layout@1", which is no slot of this host that an element may provide
      5 | facts = ["dib:users/authorised-key@1", "x:y/z@1", "dib:block-device/layout@1"]
        |                                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}
